SELECT move() \watch 0.1
