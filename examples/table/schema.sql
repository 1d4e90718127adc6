-- A shop's orders. What makes them tell their changes is printed by `pg_eventrelay sql trigger orders`.

CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer text NOT NULL,
    item text NOT NULL,
    quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 99),
    status text NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'packed', 'sent', 'delivered'))
);

CREATE FUNCTION any_of(choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT choices[1 + floor(random() * cardinality(choices))::integer]
$$;

CREATE FUNCTION place_order() RETURNS void LANGUAGE sql AS $$
    INSERT INTO orders (customer, item, quantity) VALUES (
        any_of('{Ada,Bela,Chidi,Dana,Emeka,Freya,Hana,Iris,João,Kofi,Lena,Mio,Nils,Oona,Rosa,Tarek,Wei}'),
        any_of('{Teapot,Lantern,Notebook,Bread knife,Wool blanket,Chess set,Field guide,Watering can}'),
        1 + floor(5 * random() * random())::integer)
$$;

CREATE FUNCTION advance_order(which bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE orders
    SET status = CASE status WHEN 'new' THEN 'packed' WHEN 'packed' THEN 'sent' ELSE 'delivered' END
    WHERE id = which AND status <> 'delivered'
$$;

-- What a shop does all day, one step at a time.
CREATE FUNCTION work() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM orders) >= 12 THEN
        DELETE FROM orders WHERE id = (SELECT id FROM orders ORDER BY status <> 'delivered', id LIMIT 1);
    ELSIF random() < 0.3 THEN
        PERFORM place_order();
    ELSIF random() < 0.2 THEN
        UPDATE orders SET quantity = quantity % 9 + 1 WHERE id = (SELECT id FROM orders ORDER BY random() LIMIT 1);
    ELSE
        PERFORM advance_order((SELECT id FROM orders WHERE status <> 'delivered' ORDER BY random() LIMIT 1));
    END IF;
END $$;

SELECT place_order() FROM generate_series(1, 8);
SELECT advance_order(n) FROM generate_series(1, 7) AS n, generate_series(1, 8 - n);
