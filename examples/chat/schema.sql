-- Three rooms, each a channel. There is no table of lines: what was said is in the relay's log, for as long as it keeps it.

CREATE TABLE rooms (name text PRIMARY KEY);
INSERT INTO rooms VALUES ('lobby'), ('kitchen'), ('garden');

CREATE FUNCTION say(room text, author text, line text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM rooms WHERE name = room) THEN
        RAISE EXCEPTION 'there is no room "%"', room;
    END IF;
    -- Far below the 7,999 bytes that NOTIFY takes, whatever the characters.
    IF length(author) NOT BETWEEN 1 AND 40 OR length(line) NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'a name has 1 to 40 characters, a line 1 to 1,000';
    END IF;
    PERFORM pg_notify('chat.' || room, json_build_object('author', author, 'text', line)::text);
END $$;

SELECT say('lobby', 'Ada', 'Good morning! Is anybody here?');
SELECT say('lobby', 'Kofi', 'Just came in. I can read what you wrote before that.');
SELECT say('lobby', 'Ada', 'The relay keeps it. Open a second tab and write to yourself.');
SELECT say('garden', 'Freya', 'The tomatoes are ripe.');
