SELECT work() \watch 0.9
