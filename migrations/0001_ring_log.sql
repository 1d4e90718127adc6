-- The ring log. The schema is an interface: people read it with the sqlite3 shell.
-- No STRICT tables and no generated columns, so that old shells can open the file.

-- "pger": what `file` and the relay itself recognise the log by.
PRAGMA application_id = 0x70676572;

CREATE TABLE meta (
    one               INTEGER PRIMARY KEY CHECK (one = 1),
    log_id            TEXT    NOT NULL,             -- random name given at creation; tells one log from another
    begins_after      INTEGER NOT NULL,             -- every id of this log is greater
    high_water        INTEGER NOT NULL,             -- no id above it was ever given; after a clean stop, the newest id
    clean             INTEGER NOT NULL DEFAULT 0    -- 1 after a clean stop
);

CREATE TABLE channel (
    id              INTEGER PRIMARY KEY,
    name            TEXT    NOT NULL UNIQUE,
    recording       INTEGER NOT NULL DEFAULT 0,     -- 1: LISTENed, also after a restart
    recorded_from   INTEGER NOT NULL DEFAULT 0,     -- id at which it was recorded for the first time
    recorded_until  INTEGER NOT NULL DEFAULT 0,     -- newest id of the log when the recording was last given up
    since           INTEGER NOT NULL DEFAULT 0,     -- when the present recording began, microseconds since 1970
    evicted_through INTEGER NOT NULL DEFAULT 0,     -- the floor: highest id evicted
    evicted         INTEGER NOT NULL DEFAULT 0      -- how many were evicted
);

CREATE TABLE event (
    id         INTEGER PRIMARY KEY,
    channel_id INTEGER NOT NULL REFERENCES channel (id),
    ahead      INTEGER NOT NULL DEFAULT 0,          -- the time of arrival is id - ahead, in microseconds since 1970
    bytes      INTEGER NOT NULL,                    -- before payload, so that it is read without overflow pages
    payload    TEXT    NOT NULL                     -- a BLOB where the bytes are not valid UTF-8
);
CREATE INDEX event_by_channel ON event (channel_id, id, bytes);

-- Ranges in which events may be missing: ids strictly between after_id and id.
CREATE TABLE gap (
    id         INTEGER PRIMARY KEY,                 -- from the same sequence as the events
    channel_id INTEGER REFERENCES channel (id),     -- NULL: every channel
    after_id   INTEGER NOT NULL,
    ahead      INTEGER NOT NULL DEFAULT 0,
    reason     TEXT    NOT NULL                     -- disconnected, restarted, unlogged, unrecorded
);

-- For people.
CREATE VIEW history AS
SELECT event.id,
       strftime('%Y-%m-%dT%H:%M:%S', (event.id - ahead) / 1000000, 'unixepoch')
           || printf('.%06dZ', (event.id - ahead) % 1000000) AS at,
       channel.name AS channel,
       bytes,
       payload
FROM event JOIN channel ON channel.id = event.channel_id;

CREATE VIEW channel_stats AS
SELECT name AS channel,
       recording,
       (SELECT count(*) FROM event WHERE channel_id = channel.id) AS events,
       (SELECT coalesce(sum(bytes), 0) FROM event WHERE channel_id = channel.id) AS bytes,
       (SELECT min(id) FROM event WHERE channel_id = channel.id) AS oldest,
       (SELECT max(id) FROM event WHERE channel_id = channel.id) AS newest,
       evicted_through AS floor,
       evicted
FROM channel;

CREATE VIEW gaps AS
SELECT gap.id,
       strftime('%Y-%m-%dT%H:%M:%S', (gap.id - ahead) / 1000000, 'unixepoch')
           || printf('.%06dZ', (gap.id - ahead) % 1000000) AS at,
       coalesce(channel.name, '*') AS channel,
       after_id AS after,
       gap.id + 1 AS before,
       reason
FROM gap LEFT JOIN channel ON channel.id = gap.channel_id;
