import Foundation
import RelayTestSupport
import Testing

/// What users of pg_eventserv have: its kinds of triggers and its configuration file. (Its kind of page is in the
/// viewer's test, in a real browser.)
@Suite(.timeLimit(.minutes(2)))
struct OriginalTests {
    private func payload(_ client: WebSocketTestClient) async throws -> [String: Any] {
        try JSONSerialization.jsonObject(with: Data(try await client.text().utf8)) as? [String: Any] ?? [:]
    }

    @Test
    func `row changes arrive as JSON, by a trigger that notifies with the row`() async throws {
        let world = try await World()
        try await world.sql.run(
            """
            CREATE TABLE people (pk serial PRIMARY KEY, ts timestamptz DEFAULT now(), name text, age integer, height real);
            CREATE FUNCTION announce_row() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM pg_notify('people', (to_jsonb(NEW) || jsonb_build_object('dml_action', TG_OP))::text);
                RETURN NEW;
            END $$;
            CREATE TRIGGER announce_row BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION announce_row();
            """
        )
        let client = try await world.connect("/listen/people")
        try await world.sql.run("INSERT INTO people (name, age, height) VALUES ('Paul', 51, 1.9)")
        try await world.sql.run("UPDATE people SET age = 52")
        let inserted = try await self.payload(client)
        #expect(inserted["name"] as? String == "Paul" && inserted["dml_action"] as? String == "INSERT")
        let updated = try await self.payload(client)
        #expect(updated["age"] as? Int == 52 && updated["dml_action"] as? String == "UPDATE")
    }

    @Test
    func `a filtering trigger sends only what passes its condition`() async throws {
        let world = try await World()
        try await world.sql.run(
            """
            CREATE TABLE people (pk serial PRIMARY KEY, name text, age integer, height real);
            CREATE FUNCTION announce_tall() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.height >= 2.0 THEN
                    PERFORM pg_notify('people', to_jsonb(NEW)::text);
                END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER announce_tall BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION announce_tall();
            """
        )
        let client = try await world.connect("/listen/people")
        try await world.sql.run("INSERT INTO people (name, age, height) VALUES ('Shorty', 51, 1.5)")
        try await world.sql.run("UPDATE people SET name = 'Bozo', height = 2.1 WHERE age = 51")
        try await world.sql.run("INSERT INTO people (name, age, height) VALUES ('Stretch', 33, 2.8)")
        #expect(try await self.payload(client)["name"] as? String == "Bozo")
        #expect(try await self.payload(client)["name"] as? String == "Stretch")
    }

    @Test
    func `its configuration file is found under its name and understood as it is`() async throws {
        let folder = try TemporaryFolder()
        let database = try await EphemeralPostgres.shared.get().makeDatabase()
        try FileManager.default.createDirectory(atPath: folder.file("config"), withIntermediateDirectories: true)
        let file = """
            DbConnection = "\(database)"
            DbPoolMaxConnLifeTime = "1h"
            DbPoolMaxConns = 4
            HttpHost = "127.0.0.1"
            HttpPort = 0
            HttpsPort = 7701
            UrlBase = "http://localhost/"
            BasePath = "/"
            Channels = ["people", "orders*"]
            Debug = true
            """
        try file.write(toFile: folder.file("config/pg_eventserv.toml"), atomically: true, encoding: .utf8)
        let relay = try RelayProcess([], environment: [:], folder: folder.path)
        let start = try await relay.waitForLog("pg_eventrelay starts")
        #expect(start.contains("config/pg_eventserv.toml"))
        try await relay.waitForLog("setting has no effect")
        let port = try await relay.waitForPort()
        try await relay.waitForLog("listening to PostgreSQL")
        let client = try await WebSocketTestClient.connect(port: port, "/listen/orders.new")
        try await SQLSession(database).notify("orders.new", "one")
        #expect(try await client.text() == "one")
        let refused = await #expect(throws: UpgradeRefused.self) {
            try await WebSocketTestClient.connect(port: port, "/listen/secret")
        }
        #expect(refused?.status == 403)
    }
}
