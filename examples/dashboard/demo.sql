SELECT count_some() \watch 0.2
