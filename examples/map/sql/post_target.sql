UPDATE vehicles SET target = point(:'x'::float8, :'y'::float8), moved = clock_timestamp() WHERE kind = 'drone';
