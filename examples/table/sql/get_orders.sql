SELECT coalesce(json_agg(orders ORDER BY id), '[]') FROM orders;
