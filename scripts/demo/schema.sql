-- The table of the demo. `pg_eventrelay sql trigger people` is all that it needs to publish its changes.

CREATE TABLE people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    city text NOT NULL,
    drink text NOT NULL,
    cups integer NOT NULL DEFAULT 0,
    since timestamptz NOT NULL DEFAULT now()
);
