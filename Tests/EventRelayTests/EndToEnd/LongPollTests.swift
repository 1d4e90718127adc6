import Foundation
import RelayTestSupport
import Testing

/// `GET /history/{channel}?after=…&wait=…`.
@Suite(.timeLimit(.minutes(2)))
struct LongPollTests {
    private func poll(
        _ world: World,
        _ target: String,
        _ headers: [String: String] = [:]
    ) async throws -> HTTPTestClient.Response {
        try await HTTPTestClient.get(target, port: world.relay.port, headers: headers)
    }

    /// Asks until so many requests wait.
    private func untilWaiting(_ count: Int, _ world: World) async throws {
        let deadline = ContinuousClock.now + .patience
        while try await !world.get("/metrics").body.contains("\npg_eventrelay_waiting_requests \(count)\n") {
            try #require(ContinuousClock.now < deadline, "\(count) requests don't wait")
        }
    }

    @Test
    func `it is answered as soon as there is something, and at once where there is`() async throws {
        let world = try await World()
        // The channel was not known: waiting for it records it.
        async let first = self.poll(world, "/history/fresh?after=0&wait=60s")
        try await self.untilWaiting(1, world)
        let channels = try ChannelsAnswer(parsing: try await world.get("/channels").body).channels
        #expect(channels.map(\.channel) == ["fresh"] && channels.first?.subscribers == 1)
        #expect(try await world.get("/health").body.contains(#""clients":1}"#))
        try await world.sql.notify("other", "not this")
        try await world.sql.notify("fresh", "this")
        let answer = try HistoryAnswer(parsing: try await first.body)
        #expect(answer.events.map(\.payload) == ["this"] && answer.recording)
        #expect(answer.head >= answer.events[0].id && !answer.has_more)

        let again = try await world.history("/history/fresh?after=0&wait=60s&limit=1")
        #expect(again.events == answer.events)
        // Positions alone count too, and the lines of NDJSON.
        #expect(try await world.history("/history/fresh?after=0&wait=60s&limit=0").has_more)
        async let lines = self.poll(
            world,
            "/history/fresh?after=\(answer.events[0].id)&wait=60",
            ["Accept": "application/x-ndjson"]
        )
        try await self.untilWaiting(1, world)
        try await world.sql.notify("fresh", "line")
        let line = try Envelope(parsing: try await lines.body)
        #expect(line.payload == "line")
        try await self.untilWaiting(0, world)
        #expect(try await world.get("/health").body.contains(#""clients":0}"#))
    }

    @Test
    func `after the wait the page is empty, and a cursor from another log is answered at once`() async throws {
        let world = try await World()
        let begin = try await world.history("/history/quiet?after=0&wait=1s")
        #expect(begin.events.isEmpty && begin.recording && begin.recorded_since != nil)
        let start = ContinuousClock.now
        let quiet = try await world.history("/history/quiet?after=\(begin.head)&wait=1s")
        let afterQuiet = ContinuousClock.now
        #expect(quiet.events.isEmpty && afterQuiet - start >= .seconds(1))
        let ahead = try await world.history("/history/quiet?after=\((Int64(1) << 53) - 1)&wait=60s")
        #expect(ahead.events.isEmpty && ahead.head < (1 << 53) - 1)
        #expect(ContinuousClock.now - afterQuiet < .seconds(40))
    }

    @Test(arguments: [
        "wait=1s", "after=0&wait=0s", "after=0&wait=61s", "after=0&wait=soon", "after=0&before=9&wait=1s",
        "after=0&wait=1s&wait=1s",
    ])
    func `a wait that makes no sense is refused`(query: String) async throws {
        let world = try await World()
        let answer = try await world.get("/history/people?\(query)")
        #expect(answer.status == 400 && answer.body.contains("the parameter 'wait'"), "\(answer.body)")
        #expect(try await ChannelsAnswer(parsing: world.get("/channels").body).channels.isEmpty)
    }

    @Test
    func `whoever polls from id to id gets each event once, in order`() async throws {
        let world = try await World()
        var (last, seen) = (try await world.history("/history/many?after=0&wait=1s").head, [String]())
        async let publishing: Void = world.sql.runEach((1...200).map { "SELECT pg_notify('many', '\($0)')" })
        while seen.last != "200" {
            let page = try await world.history("/history/many?after=\(last)&wait=60s&limit=7")
            try #require(!page.events.isEmpty)
            seen += page.events.compactMap(\.payload)
            last = page.events.last?.id ?? last
        }
        try await publishing
        #expect(seen == (1...200).map { "\($0)" })
    }

    @Test
    func `all who wait are answered by one event`() async throws {
        let world = try await World()
        let answers = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<50 {
                group.addTask { try await self.poll(world, "/history/a?after=0&wait=60s").body }
            }
            try await self.untilWaiting(50, world)
            try await world.sql.notify("a", "x")
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.count == 50 && answers.allSatisfy { $0.contains(#""payload":"x""#) })
    }

    @Test
    func `a client that goes away frees its place at once`() async throws {
        let world = try await World(environment: ["ES_MAXCLIENTS": "1"])
        let request = "GET /history/a?after=0&wait=60s HTTP/1.1\r\nHost: relay\r\n\r\n"
        for leave in [RawTestClient.close, RawTestClient.reset] {
            let client = try await RawTestClient.connect(port: world.relay.port)
            try await client.send(request)
            try await self.untilWaiting(1, world)
            let refused = try await world.get("/history/a?after=0&wait=60s")
            #expect(refused.status == 503 && refused.header("Retry-After") == "10")
            #expect(try await world.get("/history/a?after=0").status == 200)
            await leave(client)()
            try await self.untilWaiting(0, world)
        }
        #expect(try await ChannelsAnswer(parsing: world.get("/channels").body).channels.map(\.subscribers) == [0])
        #expect(!world.relay.log().contains { $0.contains("request failed") })
    }

    @Test
    func `at a shutdown it is answered`() async throws {
        let world = try await World()
        async let answer = self.poll(world, "/history/a?after=0&wait=60s")
        try await self.untilWaiting(1, world)
        #expect(try await world.relay.stop() == 0)
        #expect(try await answer.status == 200)
        #expect(try await HistoryAnswer(parsing: answer.body).events.isEmpty)
    }

    @Test
    func `it ends with the token that let it in`() async throws {
        let signer = try await TestSigner(.hs256)
        let world = try await World(environment: ["ES_TOKENSECRET": signer.secret, "ES_TOKENLEEWAY": "0"])
        let end = Int(Date().timeIntervalSince1970) + 15
        let bearer = ["Authorization": "Bearer \(try await signer.token(#"{"channels":["people"],"exp":\#(end)}"#))"]
        let answer = try await self.poll(world, "/history/people?after=0&wait=60s", bearer)
        #expect(try answer.status == 200 && HistoryAnswer(parsing: answer.body).events.isEmpty)
        #expect(Date().timeIntervalSince1970 >= Double(end) - 0.1)
        #expect(try await self.poll(world, "/history/people?after=0&wait=60s", bearer).status == 401)
        #expect(try await self.poll(world, "/history/people?after=0&wait=60s").status == 401)
    }

    @Test
    func `while the log can't be written it waits, and is answered when it can`() async throws {
        let world = try await World()
        let begin = try await world.history("/history/a?after=0&wait=1s")
        async let answer = self.poll(world, "/history/a?after=\(begin.head)&wait=60s")
        try await self.untilWaiting(1, world)
        // Somebody's sqlite3 has the lock; events are delivered without the log then.
        let shell = try PlainSQLite(world.folder.file("log.db"))
        try shell.execute("BEGIN IMMEDIATE")
        let live = try await world.connect("/listen/a")
        try await world.sql.notify("a", "aside")
        #expect(try await live.text() == "aside")
        try shell.execute("ROLLBACK")
        #expect(try HistoryAnswer(parsing: try await answer.body).events.map(\.payload) == ["aside"])
    }
}
