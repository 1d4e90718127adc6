-- The demo of `make run`: a heartbeat each second on channel `heartbeat`, and the row changes of a small table on
-- channel `people`, in one psql session. For a throw-away database; it ends with the session or with the server.
--
-- The table stays small by itself: at `most_people` rows someone leaves before someone new arrives.

\set ON_ERROR_STOP on
\encoding UTF8

CREATE TABLE people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    city text NOT NULL,
    drink text NOT NULL,
    cups integer NOT NULL DEFAULT 0,
    since timestamptz NOT NULL DEFAULT now()
);

-- This is all that a database needs to tell its changes: one function, one trigger.
CREATE FUNCTION tell_people() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('people', json_build_object(
        'change', lower(TG_OP),
        'person', CASE TG_OP WHEN 'DELETE' THEN to_json(OLD) ELSE to_json(NEW) END
    )::text);
    RETURN NULL;
END $$;

CREATE TRIGGER tell_people AFTER INSERT OR UPDATE OR DELETE ON people
    FOR EACH ROW EXECUTE FUNCTION tell_people();

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
