SELECT json_agg(json_build_object('name', name, 'total', total) ORDER BY place) FROM counters;
