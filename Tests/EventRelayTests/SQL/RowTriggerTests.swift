import ArgumentParser
import RelayCore
import RelayTestSupport
import Testing

@testable import EventRelay

/// What `pg_eventrelay sql` prints, run on a PostgreSQL.
@Suite(.timeLimit(.minutes(2)))
struct RowTriggerTests {
    /// A database, and a session that writes, and listens to what comes of it.
    private struct Database {
        let sql: SQLSession

        init(_ table: String) async throws {
            let url = try await EphemeralPostgres.shared.get().makeDatabase()
            self.sql = try SQLSession(url)
            try await self.sql.run(table)
        }

        /// Runs what the command line prints, and listens to its channel.
        func run(_ arguments: [String]) async throws {
            switch try EventRelayCommand.parseAsRoot(["sql"] + arguments) {
            case let command as SQLTrigger:
                let trigger = try command.trigger
                try await self.sql.run(trigger.creation)
                try await self.sql.run("LISTEN \(SQLText.identifier(trigger.channel.text))")
            case let command as SQLDrop:
                try await self.sql.run(RowTrigger.removal(of: command.table))
            default:
                Issue.record("\(arguments) is no subcommand of sql")
            }
        }

        /// What statements lead to: the payloads without their times.
        func told(_ statements: String...) async throws -> [String] {
            try await self.sql.runEach(statements)
            return try await self.sql.notifications().map { $0.payload.replacing(/"at":"[0-9T:.-]{26}Z",/, with: "") }
        }
    }

    private static func row(_ operation: String, old: String = "null", new: String = "null") -> String {
        #"{"operation":"\#(operation)","schema":"public","table":"t","old":\#(old),"new":\#(new)}"#
    }

    private static func key(_ operation: String, _ key: String, old: String = "null") -> String {
        #"{"operation":"\#(operation)","schema":"public","table":"t","folded":true,"key":\#(key),"old_key":\#(old)}"#
    }

    @Test func `each change of a row is told, in order`() async throws {
        let database = try await Database("CREATE TABLE t (id int PRIMARY KEY, at timestamptz, what json)")
        try await database.run(["trigger", "t"])
        let told = try await database.told(
            "SET TimeZone = 'Asia/Tokyo'",
            #"INSERT INTO t VALUES (1, '2026-01-01T00:00:00Z', '{"a": "ä"}'), (2, NULL, NULL)"#,
            "UPDATE t SET at = NULL WHERE id = 1",
            "UPDATE t SET id = id",
            "DELETE FROM t WHERE id = 2",
            "TRUNCATE t"
        )
        let (first, second) = (#"{"id":1,"at":null,"what":{"a": "ä"}}"#, #"{"id":2,"at":null,"what":null}"#)
        let before = #"{"id":1,"at":"2026-01-01T00:00:00+00:00","what":{"a": "ä"}}"#
        #expect(
            told == [
                Self.row("INSERT", new: before), Self.row("INSERT", new: second),
                Self.row("UPDATE", old: before, new: first), Self.row("DELETE", old: second), Self.row("TRUNCATE"),
            ]
        )
    }

    @Test func `changes of one transaction that are alike are all told`() async throws {
        let database = try await Database("CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t VALUES (1, 1)")
        for arguments in [[], ["--key-only"]] {
            try await database.run(["trigger", "t"] + arguments)
            let updates = [2, 1, 2, 1].map { "UPDATE t SET a = \($0)" }.joined(separator: "; ")
            #expect(try await database.told("BEGIN; \(updates); COMMIT").count == 4)
        }
    }

    @Test func `what is longer than NOTIFY takes is folded, and nothing shorter`() async throws {
        let database = try await Database("CREATE TABLE t (id int PRIMARY KEY, a text)")
        try await database.run(["trigger", "t"])
        try await database.sql.run("INSERT INTO t VALUES (1, '')")
        let empty = try #require(try await database.sql.notifications().first).payload.utf8.count
        // Of two bytes each.
        let fitting = (RowTrigger.maximumPayloadBytes - empty) / 2
        let rest = String(repeating: "x", count: (RowTrigger.maximumPayloadBytes - empty) % 2)
        try await database.sql.run("INSERT INTO t VALUES (2, repeat('é', \(fitting)) || '\(rest)')")
        try await database.sql.run("INSERT INTO t VALUES (3, repeat('é', \(fitting)) || '\(rest)x')")
        let payloads = try await database.sql.notifications().map(\.payload)
        #expect(payloads.map(\.utf8.count).first == RowTrigger.maximumPayloadBytes)
        #expect(payloads.count == 2 && payloads[1].contains(#""folded":true,"key":{"id":3},"old_key":null}"#))
        let told = try await database.told("UPDATE t SET id = 4 WHERE id = 3", "DELETE FROM t WHERE id = 4")
        #expect(told == [Self.key("UPDATE", #"{"id":4}"#, old: #"{"id":3}"#), Self.key("DELETE", #"{"id":4}"#)])
    }

    @Test(arguments: [
        ("a int, b int, c int, d int, PRIMARY KEY (c, a) INCLUDE (d)", [], #"{"c":3,"a":1}"#),
        (#"a int, b int, "K""k" int, k int, PRIMARY KEY ("K""k", k)"#, [], #"{"K\"k":3,"k":4}"#),
        ("a int UNIQUE, b int, c int, d int", [], "null"),
        ("a int, b int, c int, d int", ["--key", "b,a"], #"{"b":2,"a":1}"#),
        ("a int PRIMARY KEY, b int, r int, k int", ["--key", "r,k"], #"{"r":3,"k":4}"#),
    ])
    func `the key is the primary one, or what was named`(
        columns: String,
        arguments: [String],
        key: String
    ) async throws {
        let database = try await Database("CREATE TABLE t (\(columns))")
        try await database.run(["trigger", "t", "--key-only"] + arguments)
        let told = try await database.told("INSERT INTO t VALUES (1, 2, 3, 4)", "UPDATE t SET b = b", "TRUNCATE t")
        #expect(told == [Self.key("INSERT", key), Self.key("TRUNCATE", "null")])
    }

    @Test func `a key that is too long itself is left out, and the write goes on`() async throws {
        let database = try await Database("CREATE TABLE t (a text PRIMARY KEY)")
        try await database.run(["trigger", "t"])
        #expect(try await database.told("INSERT INTO t VALUES (repeat('a', 50000))") == [Self.key("INSERT", "null")])
    }

    @Test func `only columns that were named are told, when one of them changes`() async throws {
        let table = #"CREATE TABLE t (id int PRIMARY KEY, r json, "M m" point, message text)"#
        let database = try await Database(table)
        try await database.run(["trigger", "t", "--columns", #""M m",r"#])
        let told = try await database.told(
            #"INSERT INTO t VALUES (1, '{"a":1}', '(1,2)', 'x')"#,
            "UPDATE t SET message = 'y'",
            #"UPDATE t SET r = '{"a":2}'"#
        )
        let (before, after) = (#"{"M m":"(1,2)","r":{"a":1}}"#, #"{"M m":"(1,2)","r":{"a":2}}"#)
        #expect(told == [Self.row("INSERT", new: before), Self.row("UPDATE", old: before, new: after)])
    }

    @Test(arguments: [[], ["--key-only", "--key", "id"]])
    func `a column that is gone later does not stop writes`(arguments: [String]) async throws {
        let database = try await Database("CREATE TABLE t (id int PRIMARY KEY, a int)")
        try await database.run(["trigger", "t", "--columns", "a"] + arguments)
        let told = try await database.told(
            "ALTER TABLE t RENAME a TO b",
            "INSERT INTO t VALUES (1, 1)",
            "UPDATE t SET b = 2"
        )
        #expect(told == [Self.key("INSERT", #"{"id":1}"#), Self.key("UPDATE", #"{"id":1}"#)])
    }

    @Test(arguments: [["--columns", "id,b"], ["--key", "b"], ["--when", "NEW.b = 1"]])
    func `a column that is not there is an error at once, and nothing is made`(arguments: [String]) async throws {
        let database = try await Database("CREATE TABLE t (id int PRIMARY KEY)")
        await #expect(throws: SQLFailure.self) { try await database.run(["trigger", "t"] + arguments) }
        try await database.sql.run("ROLLBACK")
        #expect(try await database.told("INSERT INTO t VALUES (1)").isEmpty)
        #expect(try await database.sql.run("SELECT 1 FROM pg_proc WHERE proname = 'eventrelay_t'").isEmpty)
    }

    @Test func `a condition decides, where the operation has what it names`() async throws {
        let database = try await Database("CREATE TABLE t (id int PRIMARY KEY, a int)")
        try await database.run(["trigger", "t", "--key-only", "--when", "NEW.a > 1 -- enough"])
        let told = try await database.told(
            "INSERT INTO t VALUES (1, 1), (2, 2)",
            "UPDATE t SET a = 3 WHERE id = 1",
            "UPDATE t SET a = 0 WHERE id = 2",
            "DELETE FROM t WHERE id = 2"
        )
        #expect(told == [("INSERT", 2), ("UPDATE", 1), ("DELETE", 2)].map { Self.key($0, #"{"id":\#($1)}"#) })
    }

    @Test func `with other options it replaces what was there`() async throws {
        let database = try await Database("CREATE TABLE t (id int PRIMARY KEY)")
        try await database.run(["trigger", "t", "--channel", "before", "--when", "NEW.id < 0"])
        try await database.run(["trigger", "t", "--key-only", "--on", "delete"])
        let told = try await database.told("INSERT INTO t VALUES (1)", "DELETE FROM t", "TRUNCATE t")
        #expect(told == [Self.key("DELETE", #"{"id":1}"#)])
    }

    /// Functions, triggers and whatever may be left of them.
    private static let census = """
        SELECT count(*)::text FROM (
            SELECT oid FROM pg_proc UNION ALL SELECT oid FROM pg_trigger UNION ALL SELECT objid FROM pg_depend
            UNION ALL SELECT objoid FROM pg_description
        ) AS x
        """

    @Test func `drop leaves nothing behind, and does no harm where there is nothing`() async throws {
        let database = try await Database("CREATE TABLE t (id int PRIMARY KEY)")
        let before = try await database.sql.run(Self.census)
        try await database.run(["drop", "t"])
        try await database.run(["trigger", "t", "--when", "NEW.id > 0", "--columns", "id"])
        #expect(try await database.sql.run(Self.census) != before)
        for _ in 1...2 {
            try await database.run(["drop", "t"])
            #expect(try await database.sql.run(Self.census) == before)
        }
        #expect(try await database.told("INSERT INTO t VALUES (1)").isEmpty)
        // The table may be gone before.
        try await database.run(["trigger", "t"])
        try await database.sql.run("DROP TABLE t")
        try await database.run(["drop", "t"])
        #expect(try await database.sql.run("SELECT 1 FROM pg_proc WHERE proname LIKE 'eventrelay%'").isEmpty)
    }

    /// As somebody writes it who knows SQL.
    private static func quoted(_ text: String) -> String {
        var quoted = ""
        for scalar in text.unicodeScalars {
            if scalar == "\"" { quoted.unicodeScalars.append(scalar) }
            quoted.unicodeScalars.append(scalar)
        }
        return "\"\(quoted)\""
    }

    @Test(arguments: [
        ("Upper Case", "Or.ders", "It's"), ("a\"b", "select", "sel\"ect"), ("a'b", "x'); DROP TABLE y; --", "x'); --"),
        ("$eventrelay$", "$eventrelay$", "$eventrelay$"), ("a\nb", "c\r\n-- d", "e\nf"), ("a\\b", "\\'", "\\"),
        ("%I %s", "%", "%"), ("é", "e\u{301}\"\u{301}", "'\u{301}"), ("s", String(repeating: "é", count: 31), ":x"),
    ])
    func `names may be anything`(schema: String, table: String, channel: String) async throws {
        let (s, t) = (SQLText.identifier(schema), SQLText.identifier(table))
        let columns = ["\(table)!", "\(schema)1", "r", "m", "k", "new", "old_row", "message"]
        let make = columns.map { "\(SQLText.identifier($0)) int" }.joined(separator: ", ")
        let key = SQLText.identifier(columns[0])
        let database = try await Database("CREATE SCHEMA \(s); CREATE TABLE \(s).\(t) (\(make), PRIMARY KEY (\(key)))")
        let name = "\(Self.quoted(schema)).\(Self.quoted(table))"
        let arguments = [
            "trigger", name, "--channel", channel, "--columns", columns.map(Self.quoted).joined(separator: ","),
        ]
        for (place, more) in [("new", []), ("key", ["--key-only"])] {
            try await database.run(arguments + more)
            try await database.sql.run("INSERT INTO \(s).\(t) VALUES (1, 2, 3, 4, 5, 6, 7, 8)")
            let told = try #require(try await database.sql.notifications().last)
            #expect(told.channel == channel)
            let fields = "m->>'schema', m->>'table', m->'\(place)'->>\(SQLText.literal(columns[0]))"
            let message = "SELECT \(SQLText.literal(told.payload))::json AS m"
            let rows = try await database.sql.run("SELECT \(fields) FROM (\(message)) AS x")
            #expect(rows == [[schema, table, "1"]])
            try await database.sql.run("DELETE FROM \(s).\(t)")
        }
        try await database.run(["drop", name])
        #expect(try await database.sql.run("SELECT 1 FROM pg_proc WHERE proname LIKE 'eventrelay%'").isEmpty)
    }

    @Test func `a partitioned table tells changes under its own name`() async throws {
        let database = try await Database(
            """
            CREATE TABLE t (id int, part int, PRIMARY KEY (part, id)) PARTITION BY LIST (part);
            CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);
            """
        )
        try await database.run(["trigger", "t", "--key-only"])
        try await database.run(["trigger", "t", "--key-only"])
        let told = try await database.told(
            "CREATE TABLE t_2 (id int NOT NULL, part int NOT NULL)",
            "ALTER TABLE t ATTACH PARTITION t_2 FOR VALUES IN (2)",
            "INSERT INTO t VALUES (1, 1), (2, 2)",
            "UPDATE t_2 SET id = 3",
            "TRUNCATE t"
        )
        let two = #"{"part":2,"id":2}"#
        #expect(
            told == [
                Self.key("INSERT", #"{"part":1,"id":1}"#), Self.key("INSERT", two),
                Self.key("UPDATE", #"{"part":2,"id":3}"#, old: two), Self.key("TRUNCATE", "null"),
            ]
        )
        try await database.run(["drop", "t"])
        #expect(try await database.sql.run("SELECT 1 FROM pg_trigger WHERE tgname LIKE 'eventrelay%'").isEmpty)
    }

    @Test func `no superuser is needed, and a writer's own functions are not called`() async throws {
        let database = try await Database("CREATE TABLE t (id int PRIMARY KEY)")
        let role = "maker_\(UInt32.random(in: 0 ... .max))"
        try await database.sql.run(
            """
            CREATE ROLE \(role); GRANT CREATE ON SCHEMA public TO \(role); GRANT SELECT, TRIGGER ON t TO \(role);
            CREATE SCHEMA evil;
            CREATE FUNCTION evil.pg_notify(text, text) RETURNS void LANGUAGE sql AS 'SELECT 1 / 0';
            CREATE FUNCTION evil.octet_length(text) RETURNS int LANGUAGE sql AS 'SELECT 1 / 0';
            SET ROLE \(role)
            """
        )
        try await database.run(["trigger", "t"])
        let told = try await database.told(
            "RESET ROLE",
            "SET search_path = evil, pg_catalog",
            "INSERT INTO public.t VALUES (1)",
            "RESET search_path",
            "DROP OWNED BY \(role) CASCADE",
            "DROP ROLE \(role)"
        )
        #expect(told == [Self.row("INSERT", new: #"{"id":1}"#)])
    }

    @Test func `psql may speak another encoding`() async throws {
        let folder = try TemporaryFolder()
        let url = try await EphemeralPostgres.shared.get().makeDatabase(encoding: "LATIN1")
        let sql = try SQLSession(url)
        try await sql.run("SET client_encoding = 'UTF8'")
        try await sql.run(#"CREATE TABLE "tö" ("ä" int PRIMARY KEY); LISTEN "tö""#)
        let print = "\(RelayProcess.binary) sql trigger tö --columns ä"
        try await Shell.run("\(print) | PGCLIENTENCODING=LATIN1 psql -X -v ON_ERROR_STOP=1 '\(url)'", in: folder)
        try await sql.run(#"INSERT INTO "tö" VALUES (1)"#)
        let told = try await sql.notifications()
        #expect(told.map(\.channel) == ["tö"] && told.allSatisfy { $0.payload.hasSuffix(#""new":{"ä":1}}"#) })
    }

    @Test func `the program prints it, and a client of the relay is told`() async throws {
        let world = try await World()
        try await world.sql.run("CREATE TABLE orders (id int PRIMARY KEY, total int)")
        let command = try RelayProcess(["sql", "trigger", "orders", "--when", "NEW.total > 1"])
        #expect(try await command.exitStatus() == 0)
        try await world.sql.run(command.log().joined(separator: "\n"))
        let client = try await world.connect("/listen/orders")
        try await world.sql.run("INSERT INTO orders VALUES (1, 1), (2, 2)")
        let payload = try await client.text()
        #expect(payload.hasPrefix(#"{"operation":"INSERT","schema":"public","table":"orders","at":""#))
        #expect(payload.hasSuffix(#""old":null,"new":{"id":2,"total":2}}"#))
        #expect(try await world.relay.stop() == 0)
    }
}
