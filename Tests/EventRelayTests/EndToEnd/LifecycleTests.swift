import Foundation
import RelayTestSupport
import Testing

@Suite(.timeLimit(.minutes(2)))
struct LifecycleTests {
    @Test(arguments: [SIGTERM, SIGINT])
    func `a signal drains: clients are told to come back, the log is left clean, the exit status is 0`(
        signal: Int32
    ) async throws {
        let world = try await World()
        let clients = try await [
            world.connect("/listen/people"), world.connect("/listen/people?last-seen-id=latest"),
        ]
        _ = try await clients[1].envelope()
        try await world.sql.notify("people", "last")
        #expect(try await clients[0].text() == "last")
        let last = try await clients[1].envelope()
        world.relay.signal(signal)
        for client in clients {
            #expect(try await client.next() == .close(code: 1001, reason: "shutting down, come back"))
            #expect(try await client.next() == nil)
        }
        #expect(try await world.relay.exitStatus() == 0)
        #expect(!FileManager.default.fileExists(atPath: world.folder.file("log.db-wal")))

        // Back right where they were: nothing was lost but what the pause may have swallowed, which is said.
        let second = try await RelayProcess.startListening(database: world.database, folder: world.folder.path)
        let client = try await WebSocketTestClient.connect(port: second.port, "/listen/people?last-seen-id=\(last.id)")
        let gap = try await client.envelope()
        #expect(gap.reason == "restarted" && gap.after == last.id)
        try await world.sql.notify("people", "first")
        #expect(try await client.envelope().type == "live")
        #expect(try await client.envelope().payload == "first")
    }

    @Test
    func `a second signal ends the process at once`() async throws {
        let world = try await World()
        // A client that neither reads nor answers keeps the drain going until its deadline.
        let client = try await world.connect("/listen/people")
        try await client.setReading(false)
        world.relay.signal(SIGTERM)
        try await world.relay.waitForLog("shutting down")
        world.relay.signal(SIGINT)
        #expect(try await world.relay.exitStatus() == 128 + SIGINT)
    }

    @Test
    func `a stop ends while a connection to PostgreSQL is being made that nobody answers`() async throws {
        let folder = try TemporaryFolder()
        let silent = try await SilentServer()
        let relay = try await RelayProcess.start(
            database: "host=127.0.0.1 port=\(silent.port) connect_timeout=600",
            folder: folder.path
        )
        try await silent.whenConnected()
        #expect(try await relay.stop() == 0)
    }

    @Test
    func `a stop ends while PostgreSQL can't be reached`() async throws {
        let folder = try TemporaryFolder()
        let relay = try await RelayProcess.start(database: "host=/nowhere", folder: folder.path)
        #expect(try await relay.stop() == 0)
    }

    @Test
    func `channels that were asked for are recorded again after a restart, before anyone asks`() async throws {
        let world = try await World()
        let client = try await world.connect("/listen/remembered?last-seen-id=latest")
        let position = try await client.envelope().id
        #expect(try await world.relay.stop() == 0)
        let second = try await RelayProcess.startListening(database: world.database, folder: world.folder.path)
        try await world.sql.notify("remembered", "nobody is connected")
        let back = try await WebSocketTestClient.connect(
            port: second.port,
            "/listen/remembered?last-seen-id=\(position)"
        )
        #expect(try await back.envelope().reason == "restarted")
        // The event may be on its way yet.
        var message = try await back.envelope()
        if message.type == "live" { message = try await back.envelope() }
        #expect(message.payload == "nobody is connected")
    }

    @Test
    func `the log is readable with the sqlite3 shell while the relay runs`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "people"])
        let client = try await world.connect("/listen/people")
        try await world.sql.notify("people", #"{"name":"Paul"}"#)
        _ = try await client.text()
        let shell = try ChildProcess(
            "/usr/bin/sqlite3",
            [world.folder.file("log.db"), "SELECT channel, bytes, payload FROM history"],
            readsOutput: true
        )
        #expect(try await shell.lines.next() == #"people|15|{"name":"Paul"}"#)
        #expect(try await shell.exitStatus() == 0)
    }

    @Test
    func `secrets are never logged, also not with --debug`() async throws {
        let folder = try TemporaryFolder()
        let relay = try await RelayProcess.start(
            database: "postgresql://paul:hunter2@127.0.0.1:1/shop?password=hunter3",
            folder: folder.path,
            arguments: ["--debug"]
        )
        try await relay.waitForLog("no connection to PostgreSQL")
        #expect(try await relay.stop() == 0)
        let log = relay.log()
        #expect(!log.isEmpty && !log.contains { $0.contains("hunter") })
    }

    // MARK: - What keeps it from starting

    /// What the program says and with which status it ends.
    private func failure(
        _ arguments: [String] = [],
        _ environment: [String: String] = [:]
    ) async throws -> (Int32, String) {
        let relay = try RelayProcess(
            arguments,
            environment: ["ES_HTTPPORT": "0", "ES_HTTPHOST": "127.0.0.1"].merging(environment) { $1 }
        )
        let status = try await relay.exitStatus()
        return (status, relay.log().joined(separator: "\n"))
    }

    @Test
    func `configuration errors name the key and where it came from, and end with 78`() async throws {
        let folder = try TemporaryFolder()
        try "HttpPort = 7700\nColour = \"blue\"\n".write(
            toFile: folder.file("a.toml"),
            atomically: true,
            encoding: .utf8
        )
        try "HttpPort = [1]\n".write(toFile: folder.file("b.toml"), atomically: true, encoding: .utf8)
        let log = folder.file("log.db")
        let cases: [([String], [String: String], [String])] = [
            (["--config", folder.file("a.toml")], [:], ["Colour", "a.toml"]),
            (["--config", folder.file("b.toml")], ["ES_HTTPPORT": ""], ["HttpPort", "b.toml"]),
            (["--config", folder.file("none.toml")], [:], ["none.toml"]),
            (["--port", "99999"], [:], ["--port"]),
            ([], ["ES_LOGMAXAGE": "soon"], ["ES_LOGMAXAGE"]),
            ([], ["DATABASE_URL": "postgres//hunter2"], ["DATABASE_URL"]),
            ([], ["ES_ASSETSPATH": folder.path], ["AssetsPath", "index.html"]),
            ([], ["ES_TOKENSECRET": "hunter2"], ["TokenSecret", "ES_TOKENSECRET", "32 bytes"]),
            ([], ["ES_TOKENKEYFILE": folder.file("a.toml")], ["TokenKeyFile", "a.toml", "PEM"]),
            (["--token-jwks-file", folder.file("none.json")], [:], ["TokenJwksFile", "none.json", "not exist"]),
            ([], ["ES_ANONYMOUSCHANNELS": "people"], ["AnonymousChannels", "ES_ANONYMOUSCHANNELS", "TokenSecret"]),
        ]
        for (arguments, environment, words) in cases {
            let (status, text) = try await self.failure(arguments, environment.merging(["ES_LOGPATH": log]) { $1 })
            #expect(status == 78, "\(arguments) \(environment): \(text)")
            for word in words { #expect(text.contains(word), "\(text)") }
            #expect(!text.contains("hunter2"))
        }
        #expect(!FileManager.default.fileExists(atPath: log))
        #expect(try await self.failure(["--no-such-flag"]).0 == 64)
        #expect(try await self.failure(["--version"]) == (0, "pg_eventrelay 0.1.0"))
    }

    @Test
    func `a log that can't be used is named, with what to do, and left as it is`() async throws {
        let folder = try TemporaryFolder()
        try
            "this is no database, but long enough to be looked at as one; it has more than a hundred bytes in it, surely."
            .write(toFile: folder.file("text.db"), atomically: true, encoding: .utf8)
        let shell = try ChildProcess(
            "/usr/bin/sqlite3",
            [folder.file("foreign.db"), "CREATE TABLE theirs (a); PRAGMA application_id = 7"]
        )
        #expect(try await shell.exitStatus() == 0)
        let cases = [
            ("text.db", "not an SQLite database"), ("foreign.db", "another program"),
            ("none/log.db", "Create the folder"),
        ]
        for (name, words) in cases {
            let before = FileManager.default.contents(atPath: folder.file(name))
            let (status, text) = try await self.failure([], ["ES_LOGPATH": folder.file(name)])
            #expect(status == 78 && text.contains(words) && text.contains(name), "\(text)")
            #expect(FileManager.default.contents(atPath: folder.file(name)) == before)
        }
        let world = try await World()
        let (status, text) = try await self.failure([], ["ES_LOGPATH": world.folder.file("log.db")])
        #expect(status == 75 && text.contains("another relay"), "\(text)")
        #expect(try await world.relay.stop() == 0)
        let newer = try ChildProcess("/usr/bin/sqlite3", [world.folder.file("log.db"), "PRAGMA user_version = 99"])
        #expect(try await newer.exitStatus() == 0)
        let (newerStatus, newerText) = try await self.failure([], ["ES_LOGPATH": world.folder.file("log.db")])
        #expect(newerStatus == 78 && newerText.contains("newer pg_eventrelay"), "\(newerText)")
    }

    @Test
    func `a port that is taken is named, and ends with 69`() async throws {
        let world = try await World()
        let (status, text) = try await self.failure(
            [],
            ["ES_HTTPPORT": "\(world.relay.port)", "ES_LOGPATH": world.folder.file("second.db")]
        )
        #expect(status == 69 && text.contains("\(world.relay.port)"), "\(text)")
    }
}
