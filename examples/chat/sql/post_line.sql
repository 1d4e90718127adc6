SELECT say(:'room', :'author', :'text');
