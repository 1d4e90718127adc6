-- What a small shop counts. Each count is an UPDATE, and each UPDATE an event on the channel `counters`.

CREATE TABLE counters (
    name text PRIMARY KEY,
    place integer NOT NULL,
    -- How much it grows, about, in a fifth of a second.
    pace double precision NOT NULL,
    total bigint NOT NULL DEFAULT 0
);
INSERT INTO counters VALUES
    ('Visitors', 1, 9, 48210), ('Orders', 2, 1.6, 1893), ('Parcels', 3, 0.9, 1702), ('Returns', 4, 0.12, 87);

-- Some a fifth of a second, more or less busy over the minutes.
CREATE FUNCTION count_some() RETURNS void LANGUAGE sql AS $$
    UPDATE counters SET total = total + growth.number
    FROM (
        SELECT name, floor(2 * random() * pace * (1.2 + sin(extract(epoch FROM clock_timestamp()) / 7 + place))
            + random())::integer AS number
        FROM counters
    ) AS growth
    WHERE growth.name = counters.name AND growth.number > 0
$$;
