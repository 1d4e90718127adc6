SELECT say('kitchen', 'Mio', ('{The kettle is on.,Who took the last biscuit?,There is soup.,Tea in five minutes.}'::text[])[1 + floor(random() * 4)::integer]) \watch 9
