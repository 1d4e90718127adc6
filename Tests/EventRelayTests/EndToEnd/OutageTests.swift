import RelayTestSupport
import Testing

/// Hands out the port of a relay that is killed and started again; whoever asks meanwhile waits.
private actor Keeper {
    private let database: String
    private let folder: String
    private var relay: Task<RelayProcess, any Error>

    init(database: String, folder: String) {
        self.database = database
        self.folder = folder
        self.relay = Task { try await Self.start(database, folder) }
    }

    private static func start(_ database: String, _ folder: String) async throws -> RelayProcess {
        try await RelayProcess.start(database: database, folder: folder, environment: ["ES_CHANNELS": "traffic"])
    }

    var port: Int { get async throws { try await self.relay.value.port } }
    var current: RelayProcess { get async throws { try await self.relay.value } }

    func killAndRestart() async throws {
        let (database, folder) = (self.database, self.folder)
        let killed = try await self.relay.value
        let replacement = Task {
            killed.kill()
            _ = try await killed.exitStatus()
            return try await Self.start(database, folder)
        }
        self.relay = replacement
        _ = try await replacement.value
    }
}

@Suite(.timeLimit(.minutes(3)))
struct OutageTests {
    @Test
    func `with the relay killed and restarted every missing event is covered by a gap`() async throws {
        let folder = try TemporaryFolder()
        let database = try await EphemeralPostgres.shared.get().makeDatabase()
        let keeper = Keeper(database: database, folder: folder.path)
        // In the log: killed before that, the first relay would not have recorded the channel.
        _ = try await keeper.current.waitForLog("channel is recorded")
        let traffic = Traffic(channel: "traffic", publishers: 4, eventsEach: 1000 * RandomTests.size)
        var seeds = RandomTests.generator("relay killed")
        let clients = try await withThrowingTaskGroup(of: ResumingClient.self) { group in
            for number in 0..<4 {
                var generator = SeededGenerator(seed: seeds.next())
                group.addTask {
                    let transport = Transport.allCases[number % Transport.allCases.count]
                    var client = ResumingClient(channel: "traffic", over: transport)
                    try await client.follow(port: { try await keeper.port }, cutAfter: 50...500, &generator)
                    return client
                }
            }
            try await withThrowingTaskGroup { publishing in
                // The last third is published after the last restart, so that it arrives whole.
                publishing.addTask { try await self.publish(traffic, part: 0..<2, to: database) }
                for _ in 0..<3 * RandomTests.size { try await keeper.killAndRestart() }
                try await publishing.waitForAll()
            }
            _ = try await keeper.current.waitForLog("listening to PostgreSQL")
            try await self.publish(traffic, part: 2..<3, to: database)
            try await SQLSession(database).notify("traffic", Traffic.endMarker)
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let lines = try await HTTPTestClient.get(
            "/history/traffic",
            port: try await keeper.port,
            headers: ["Accept": "application/x-ndjson"]
        ).body.split(separator: "\n").map { try Envelope(parsing: String($0)) }
        let logged = Set(lines.filter { $0.type == "event" })
        for client in clients {
            expectOrderedOnce(client)
            expectMissingCovered(client, by: traffic)
            #expect(client.gaps.contains { $0.reason == "restarted" })
            // Nothing that a client saw is missing from the log, and no id was given to something else.
            #expect(client.events.allSatisfy { logged.contains($0) })
        }
        #expect(Set(lines.map(\.id)).count == lines.count)
    }

    /// Thirds of the traffic.
    private func publish(_ traffic: Traffic, part: Range<Int>, to database: String) async throws {
        try await withThrowingTaskGroup { group in
            for publisher in 0..<traffic.publishers {
                group.addTask {
                    let statements = traffic.statements(of: publisher)
                    let third = statements.count / 3
                    let end = part.upperBound == 3 ? statements.count : third * part.upperBound
                    try await SQLSession(database).runEach(Array(statements[third * part.lowerBound..<end]))
                }
            }
            try await group.waitForAll()
        }
    }

    @Test(arguments: Transport.allCases)
    func `with PostgreSQL restarted every missing event is covered by a gap and no client is dropped`(
        transport: Transport
    ) async throws {
        let folder = try TemporaryFolder()
        let postgres = try EphemeralPostgres()
        let database = try await postgres.makeDatabase()
        let relay = try await RelayProcess.startListening(
            database: database,
            folder: folder.path,
            environment: ["ES_CHANNELS": "traffic"]
        )
        let traffic = Traffic(channel: "traffic", publishers: 2, eventsEach: 900)
        let port = relay.port
        let staying = try await transport.connect(port: port, "/listen/traffic?last-seen-id=0")
        let raw = try await WebSocketTestClient.connect(port: port, "/listen/traffic")
        var generator = RandomTests.generator("PostgreSQL restarted")
        let client = try await withThrowingTaskGroup(of: ResumingClient.self) { group in
            group.addTask { [generator] in
                var generator = generator
                var client = ResumingClient(channel: "traffic", over: transport)
                try await client.follow(port: { port }, cutAfter: 1...100, &generator)
                return client
            }
            try await self.publish(traffic, part: 0..<1, to: database)
            try postgres.stop(mode: Bool.random(using: &generator) ? "immediate" : "fast")
            try await relay.waitForLog("no connection to PostgreSQL")
            #expect(try await HTTPTestClient.get("/health", port: port).status == 503)
            try postgres.start()
            // Published while the relay is on its way back, so that some of it is lost.
            try await self.publish(traffic, part: 1..<2, to: database)
            try await relay.waitForLog("listening to PostgreSQL")
            #expect(try await HTTPTestClient.get("/health", port: port).status == 200)
            try await self.publish(traffic, part: 2..<3, to: database)
            try await SQLSession(database).notify("traffic", Traffic.endMarker)
            return try #require(try await group.next())
        }
        expectOrderedOnce(client)
        expectMissingCovered(client, by: traffic)
        #expect(client.gaps.filter { $0.reason == "disconnected" }.count == 1)

        // The one that stayed connected saw the same, the gap included.
        var seen: [Envelope] = []
        while seen.last?.payload != Traffic.endMarker { seen.append(try await staying.envelope()) }
        #expect(seen.filter { $0.type != "live" } == client.messages.filter { $0.type != "live" })
        var text = ""
        while text != Traffic.endMarker { text = try await raw.text() }
    }

    @Test
    func `without a database the relay starts, answers from the file and connects when it comes`() async throws {
        let folder = try TemporaryFolder()
        let postgres = try EphemeralPostgres()
        let database = try await postgres.makeDatabase()
        let first = try await RelayProcess.startListening(
            database: database,
            folder: folder.path,
            environment: ["ES_CHANNELS": "early"]
        )
        let client = try await WebSocketTestClient.connect(port: first.port, "/listen/early?last-seen-id=latest")
        _ = try await client.envelope()
        try await SQLSession(database).notify("early", "kept")
        let kept = try await client.envelope()
        #expect(try await first.stop() == 0)
        try postgres.stop()

        let second = try await RelayProcess.start(
            database: database,
            folder: folder.path,
            environment: ["ES_CHANNELS": "early"]
        )
        try await second.waitForLog("no connection to PostgreSQL")
        let health = try await HTTPTestClient.get("/health", port: second.port)
        #expect(health.status == 503 && health.body.contains(#""state":"disconnected""#))
        let history = try HistoryAnswer(parsing: try await HTTPTestClient.get("/history/early", port: second.port).body)
        #expect(history.events.map(\.payload) == ["kept"])
        let waiting = try await WebSocketTestClient.connect(port: second.port, "/listen/early?last-seen-id=\(kept.id)")
        #expect(try await waiting.envelope().type == "live")

        try postgres.start()
        try await second.waitForLog("listening to PostgreSQL")
        let gap = try await waiting.envelope()
        #expect(gap.reason == "restarted" && gap.after == kept.id)
        try await SQLSession(database).notify("early", "again")
        #expect(try await waiting.envelope().payload == "again")
        #expect(try await HTTPTestClient.get("/health", port: second.port).status == 200)
    }

    @Test
    func `a connection string with several hosts leads to the one that is there`() async throws {
        let postgres = try EphemeralPostgres.shared.get()
        let database = try await postgres.makeDatabase()
        let folder = try TemporaryFolder()
        let several =
            database.replacing("host=", with: "host=/tmp/nobody-is-here,") + "&target_session_attrs=read-write"
        let relay = try await RelayProcess.startListening(database: several, folder: folder.path)
        let client = try await WebSocketTestClient.connect(port: relay.port, "/listen/hosts")
        try await SQLSession(database).notify("hosts", "found")
        #expect(try await client.text() == "found")
    }

    @Test
    func `a terminated LISTEN connection is made anew, and its gap is stored and told`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "kept"])
        let client = try await world.connect("/listen/kept?last-seen-id=latest")
        let live = try await client.envelope()
        try await terminateListener(ofDatabaseOf: world.sql)
        let gap = try await client.envelope()
        #expect(gap.reason == "disconnected" && gap.after == live.id && gap.before == gap.id + 1)
        #expect(try await world.history("/history/kept").events == [gap])
        let resumed = try await world.connect("/listen/kept?last-seen-id=\(live.id)")
        #expect(try await resumed.envelope() == gap)
    }

    @Test
    func `while the database is away clients come, resume and wait, and nothing breaks`() async throws {
        let folder = try TemporaryFolder()
        let first = try await RelayProcess.start(database: "host=/nowhere", folder: folder.path)
        for target in ["/listen/a?last-seen-id=0", "/listen/a?last-seen-id=latest", "/listen/b?last-seen-id=0"] {
            let client = try await WebSocketTestClient.connect(port: first.port, target)
            #expect(try await client.envelope().type == "live")
        }
        #expect(try await first.stop() == 0)
    }
}
