-- A town's vehicles. Each that moves is an UPDATE, and each UPDATE an event on the channel `positions`.

-- Closed: from the last point back to the first.
CREATE TABLE routes (name text PRIMARY KEY, points point[] NOT NULL);
INSERT INTO routes VALUES
    ('market', '{"(120,90)","(600,90)","(600,300)","(120,300)"}'),
    ('station', '{"(270,190)","(720,190)","(720,410)","(270,410)"}'),
    ('avenue', '{"(120,410)","(440,190)","(600,90)","(440,90)","(120,300)"}'),
    ('park', '{"(470,215)","(575,215)","(575,275)","(470,275)"}'),
    ('ferry', '{"(905,70)","(880,180)","(905,300)","(925,440)","(955,440)","(940,300)","(925,180)","(945,70)"}');

CREATE TABLE vehicles (
    id integer PRIMARY KEY,
    kind text NOT NULL,
    name text NOT NULL,
    route text REFERENCES routes,
    speed double precision NOT NULL,
    -- How far it has come on its route, or where it is to go.
    distance double precision NOT NULL DEFAULT 0,
    target point,
    x numeric(6, 1) NOT NULL DEFAULT 0,
    y numeric(6, 1) NOT NULL DEFAULT 0,
    moved timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO vehicles (id, kind, name, route, speed, distance) VALUES
    (1, 'bus', '1', 'market', 42, 0), (2, 'bus', '1', 'market', 42, 460), (3, 'bus', '1', 'market', 42, 920),
    (4, 'bus', '2', 'station', 38, 300), (5, 'bus', '2', 'station', 38, 990),
    (6, 'tram', 'A', 'avenue', 55, 0), (7, 'tram', 'A', 'avenue', 55, 380), (8, 'tram', 'A', 'avenue', 55, 760),
    (9, 'bike', '', 'park', 22, 0), (10, 'bike', '', 'park', 26, 170),
    (11, 'ferry', 'F', 'ferry', 24, 0);
INSERT INTO vehicles (id, kind, name, speed, target, x, y) VALUES (12, 'drone', '', 110, '(640,150)', 640, 150);

CREATE FUNCTION place_on(points point[], distance double precision) RETURNS point LANGUAGE plpgsql AS $$
DECLARE
    here point := points[cardinality(points)];
    length double precision;
    rest double precision;
    next point;
BEGIN
    SELECT sum(points[i] <-> points[i % cardinality(points) + 1]) INTO length FROM generate_subscripts(points, 1) AS i;
    rest := distance - floor(distance / length) * length;
    FOREACH next IN ARRAY points LOOP
        length := here <-> next;
        IF rest <= length THEN
            RETURN here + (next - here) * point(rest / length, 0);
        END IF;
        rest := rest - length;
        here := next;
    END LOOP;
    RETURN here;
END $$;

-- Moves the two that have stood longest. Ten times a second that makes twenty events, and each vehicle's turn comes
-- after 0.6 s.
CREATE FUNCTION move() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    present CONSTANT timestamptz := clock_timestamp();
    vehicle vehicles;
    step double precision;
    place point;
BEGIN
    FOR vehicle IN SELECT * FROM vehicles ORDER BY moved, id LIMIT 2 LOOP
        -- After a pause it goes on from where it was.
        step := vehicle.speed * least(extract(epoch FROM present - vehicle.moved), 2);
        IF vehicle.route IS NOT NULL THEN
            SELECT place_on(points, vehicle.distance + step) INTO place FROM routes WHERE name = vehicle.route;
        ELSE
            place := point(vehicle.x, vehicle.y);
            place := place + (vehicle.target - place) * point(least(step / greatest(place <-> vehicle.target, 0.1), 1), 0);
        END IF;
        UPDATE vehicles SET x = place[0], y = place[1], distance = distance + step, moved = present WHERE id = vehicle.id;
    END LOOP;
END $$;
