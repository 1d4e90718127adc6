-- The demo of `make run`: a heartbeat each second on channel `heartbeat`, and changes of a small table, which its trigger
-- publishes on channel `people`. For a throw-away database; it ends with the session or with the server.
--
-- The table stays small by itself: at `most_people` rows someone leaves before someone new arrives.

\encoding UTF8

-- What the demo remembers between two ticks.
CREATE TABLE demo_clock (
    beat bigint NOT NULL,
    next_beat timestamptz NOT NULL,
    next_change timestamptz NOT NULL
);
INSERT INTO demo_clock VALUES (0, clock_timestamp(), clock_timestamp());

CREATE FUNCTION any_of(choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT choices[1 + floor(random() * cardinality(choices))::integer]
$$;

CREATE FUNCTION change_people() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    most_people CONSTANT integer := 40;
    names CONSTANT text[] := '{Ada,Bela,Chidi,Dana,Emeka,Freya,Hana,Iris,João,Kofi,Lena,Mio,Nils,Oona,Rosa,Tarek,Wei}';
    cities CONSTANT text[] := '{Lisbon,Oslo,Kyoto,Nairobi,Lima,Gdańsk,Montréal,Hobart,São Paulo,Reykjavík}';
    drinks CONSTANT text[] := '{tea,coffee,water,juice,cocoa}';
    present integer;
BEGIN
    SELECT count(*) INTO present FROM people;
    IF present >= most_people THEN
        DELETE FROM people WHERE id = (SELECT min(id) FROM people);
    ELSIF present < 3 OR random() < 0.3 THEN
        INSERT INTO people (name, city, drink)
        VALUES (any_of(names), any_of(cities), any_of(drinks));
    ELSIF random() < 0.3 THEN
        UPDATE people SET city = any_of(cities) WHERE id = (SELECT id FROM people ORDER BY random() LIMIT 1);
    ELSE
        UPDATE people SET cups = cups + 1 WHERE id = (SELECT id FROM people ORDER BY random() LIMIT 1);
    END IF;
END $$;

-- Does what is due. After a pause (a laptop that slept) it goes on from now instead of catching up.
CREATE FUNCTION demo_tick() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    clock demo_clock;
    present CONSTANT timestamptz := clock_timestamp();
BEGIN
    SELECT * INTO STRICT clock FROM demo_clock;
    IF clock.next_beat <= present THEN
        PERFORM pg_notify('heartbeat', json_build_object('beat', clock.beat + 1, 'time', present)::text);
        UPDATE demo_clock SET beat = beat + 1,
            next_beat = greatest(next_beat + interval '1 s', present);
    END IF;
    IF clock.next_change <= present THEN
        PERFORM change_people();
        UPDATE demo_clock SET next_change = present + (0.7 + 1.3 * random()) * interval '1 s';
    END IF;
END $$;

SELECT demo_tick() \watch 0.1
