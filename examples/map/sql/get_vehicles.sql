SELECT json_agg(json_build_object('id', id, 'kind', kind, 'name', name, 'x', x, 'y', y) ORDER BY id) FROM vehicles;
