import NIOCore
import RelayTestSupport
import Testing

/// Several channels on one connection.
@Suite(.timeLimit(.minutes(2)))
struct SeveralChannelsTests {
    private static let all = "/listen?channel=a&channel=b&channel=c"

    private func texts(_ client: any EnvelopeReader, _ count: Int) async throws -> [String] {
        var texts: [String] = []
        for _ in 0..<count {
            let message = try await client.envelope()
            texts.append("\(message.channel ?? message.type):\(message.payload ?? message.reason ?? "")")
        }
        return texts
    }

    @Test(arguments: Transport.allCases)
    func `they come in one order, live and after coming back by one id`(transport: Transport) async throws {
        let world = try await World(environment: ["ES_CHANNELS": "a,b,c,other"])
        let client = try await world.follow("\(Self.all)&last-seen-id=latest", over: transport)
        #expect(try await client.envelope().type == "live")
        // Each in a transaction of its own, and several in one.
        try await world.sql.runEach(
            ["a", "b", "other", "c"].map { "SELECT pg_notify('\($0)', '1')" }
                + ["SELECT pg_notify('b', '2'), pg_notify('other', 'x'), pg_notify('a', '2'), pg_notify('b', '3')"]
        )
        let first = try await client.envelope()
        #expect(first.channel == "a" && first.payload == "1")
        let rest = ["b:1", "c:1", "b:2", "a:2", "b:3"]
        #expect(try await self.texts(client, 5) == rest)
        let back = try await world.follow("\(Self.all)&last-seen-id=\(first.id)", over: transport)
        #expect(try await self.texts(back, 5) == rest)
        #expect(try await back.envelope().type == "live")
        try await world.sql.notify("c", "2")
        #expect(try await self.texts(back, 1) == ["c:2"])
    }

    @Test(arguments: Transport.allCases)
    func `clients that are cut at random moments and come back get every event of all channels once`(
        transport: Transport
    ) async throws {
        let world = try await World(environment: ["ES_CHANNELS": "a,b"])
        let traffic = ["a", "b"].map { Traffic(channel: $0, publishers: 2, eventsEach: 500 * RandomTests.size) }
        var seeds = RandomTests.generator("several channels cut at random moments")
        let port = world.relay.port
        let clients = try await withThrowingTaskGroup(of: ResumingClient.self) { group in
            for target in ["/listen?channel=a&channel=b", "/listen?channel=*", "/listen?channel=b&channel=%3F"] {
                var generator = SeededGenerator(seed: seeds.next())
                group.addTask {
                    var client = ResumingClient(target: target, over: transport)
                    try await client.follow(port: { port }, cutAfter: 0...200, until: "really over", &generator)
                    return client
                }
            }
            try await withThrowingTaskGroup { publishing in
                for traffic in traffic { publishing.addTask { try await traffic.publish(to: world.database) } }
                try await publishing.waitForAll()
            }
            try await world.sql.notify("a", "really over")
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for client in clients {
            #expect(client.gaps.isEmpty)
            let ids = client.events.map(\.id)
            #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
            for traffic in traffic {
                let events = client.events.filter { $0.channel == traffic.channel && $0.payload != "really over" }
                #expect(events.count == traffic.publishers * traffic.eventsEach + 1)
            }
        }
    }

    @Test
    func `a pattern finds what is recorded by then, and what is recorded later`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "orders.eu,*"])
        let client = try await world.connect("/listen?channel=orders.*&last-seen-id=latest")
        #expect(try await client.envelope().type == "live")
        try await world.sql.notify("orders.eu", "1")
        #expect(try await self.texts(client, 1) == ["orders.eu:1"])
        let other = try await world.connect("/listen/orders.us")
        #expect(try await self.texts(client, 1) == ["orders.us:unrecorded"])
        try await world.sql.notify("orders.us", "2")
        #expect(try await self.texts(client, 1) == ["orders.us:2"])
        #expect(try await other.text() == "2")
    }

    @Test
    func `channels come to an open connection and leave it, each change at a place that is told`() async throws {
        let world = try await World()
        let client = try await world.connect("/listen/a?last-seen-id=latest")
        let live = try await client.envelope()
        try await client.send(0x1, Array(#"{"subscribe":["b","orders.*"]}"#.utf8))
        let subscribed = try await client.envelope()
        #expect(subscribed.type == "subscribed" && subscribed.channels == ["b", "orders.*"])
        #expect(subscribed.id >= live.id)
        try await world.sql.runEach(["a", "b"].map { "SELECT pg_notify('\($0)', '1')" })
        #expect(try await self.texts(client, 2) == ["a:1", "b:1"])
        // In fragments, as any message may come.
        try await client.send(0x1, Array(#"{"unsubscribe":"#.utf8), isFinal: false)
        try await client.send(0x0, Array(#"["a"]}"#.utf8))
        #expect(try await client.envelope().type == "unsubscribed")
        try await world.sql.runEach(["a", "b"].map { "SELECT pg_notify('\($0)', '2')" })
        #expect(try await self.texts(client, 1) == ["b:2"])
        // Nothing that is no request does anything.
        for text in ["", "{", "{}", "[]", #"{"subscribe":"a"}"#, #"{"subscribe":[1]}"#, "hello"] {
            try await client.send(0x1, Array(text.utf8))
        }
        try await client.send(0x2, Array(#"{"subscribe":["a"]}"#.utf8))
        try await client.send(0x1, Array(#"{"unsubscribe":["b"],"subscribe":["a"]}"#.utf8))
        #expect(try await [client.envelope().type, client.envelope().type] == ["unsubscribed", "subscribed"])
        try await world.sql.runEach(["b", "a"].map { "SELECT pg_notify('\($0)', '3')" })
        #expect(try await self.texts(client, 1) == ["a:3"])
    }

    @Test
    func `a channel that joins while traffic runs misses nothing from there on`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "a,b"])
        let traffic = Traffic(channel: "b", publishers: 2, eventsEach: 1000)
        let client = try await world.connect("/listen/a?last-seen-id=latest")
        _ = try await client.envelope()
        async let published: Void = traffic.publish(to: world.database)
        let other = try await world.connect("/listen/b?last-seen-id=0")
        for _ in 0..<200 { _ = try await other.envelope() }
        try await client.send(0x1, Array(#"{"subscribe":["b"]}"#.utf8))
        let joined = try await client.envelope()
        #expect(joined.type == "subscribed")
        try await published
        try await world.sql.notify("b", "really over")
        var seen: [Envelope] = []
        repeat { seen.append(try await client.envelope()) } while seen.last?.payload != "really over"
        let logged = try await world.history("/history/b?after=\(joined.id)&limit=1000").events
        #expect(Array(seen.prefix(logged.count)) == logged)
        let ids = seen.map(\.id)
        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test
    func `what can't be joined is refused, and the connection goes on`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "a,b"])
        let client = try await world.connect("/listen/a?last-seen-id=latest")
        _ = try await client.envelope()
        let many = (0..<101).map { _ in "\"b\"" }.joined(separator: ",")
        let patterns = (0..<11).map { "\"b\($0)*\"" }.joined(separator: ",")
        for (channels, status) in [
            (#""other""#, 403), (#""b","other""#, 403), (#""""#, 400), (many, 400), (patterns, 400),
        ] {
            try await client.send(0x1, Array("{\"subscribe\":[\(channels)]}".utf8))
            let refused = try await client.envelope()
            #expect(refused.type == "refused" && refused.status == status && refused.detail?.isEmpty == false)
        }
        try await world.sql.runEach(["b", "a"].map { "SELECT pg_notify('\($0)', '1')" })
        #expect(try await self.texts(client, 1) == ["a:1"])
        for target in ["/listen", "/listen?channel=", "/listen?channel=other", "/listen?channel=a&channel=other"] {
            await #expect(throws: UpgradeRefused.self) { try await world.connect(target) }
        }
        let hundred = (0..<101).map { _ in "channel=a" }.joined(separator: "&")
        let eleven = (0..<11).map { "channel=x\($0)*" }.joined(separator: "&")
        for query in [hundred, eleven] {
            await #expect(throws: UpgradeRefused.self) { try await world.connect("/listen?\(query)") }
        }
    }

    @Test
    func `history of several is one page after the other in one order, with links that keep the channels`()
        async throws
    {
        let world = try await World(environment: ["ES_CHANNELS": "a,b,x&y,other"])
        let listening = try await world.connect("/listen?channel=*&last-seen-id=latest")
        _ = try await listening.envelope()
        let channels = (1...20).map { ["a", "b", "x&y", "other"][$0 % 4] }
        try await world.sql.runEach(channels.map { "SELECT pg_notify('\($0)', 'x')" })
        var all: [Envelope] = []
        for _ in channels { all.append(try await listening.envelope()) }
        let wanted = all.filter { $0.channel != "other" }
        let target = "/history?channel=x%26y&channel=?"
        var seen: [Envelope] = []
        var query: String? = "&after=0&limit=4"
        var next = target + (query ?? "")
        while query != nil {
            let response = try await world.get(next)
            let page = try HistoryAnswer(parsing: response.body)
            #expect(page.channels == ["x&y", "?"] && page.channel == nil && page.recording)
            seen += page.events
            query = response.header("Link")?.firstMatch(of: /<(\?[^>]*)>; rel="next"/).map { String($0.1) }
            if let query { next = "/history" + query }
        }
        #expect(seen == wanted)
        let newest = try await world.history("\(target)&limit=3")
        #expect(newest.events == Array(wanted.suffix(3)) && newest.has_more && newest.newest == wanted.last?.id)
        let lines = try await HTTPTestClient.get(
            target,
            port: world.relay.port,
            headers: ["Accept": "application/x-ndjson"]
        ).body.split(separator: "\n").map { try Envelope(parsing: String($0)) }
        #expect(lines == wanted)
        // It waits for any of them.
        async let waited = world.history("\(target)&after=\(all[19].id)&wait=60s")
        try await world.sql.runEach(["SELECT pg_notify('other', 'y')", "SELECT pg_notify('b', 'z')"])
        #expect(try await waited.events.map(\.payload) == ["z"])
    }

    @Test
    func `a client that asks without reading is sent away, and what it asked for is not kept`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "a,b"])
        let client = try await WebSocketTestClient.connect(
            port: world.relay.port,
            "/listen/a?last-seen-id=latest",
            receiveBuffer: 4096
        )
        _ = try await client.envelope()
        try await client.setReading(false)
        let names = (0..<100).map { "\"\(String(repeating: "x", count: 60))\($0)\"" }.joined(separator: ",")
        let request = WebSocketTestClient.frame(0x1, Array("{\"unsubscribe\":[\(names)]}".utf8))
        // Twenty times what the connection takes of answers, and some that wait.
        var requests = ByteBuffer()
        for _ in 0..<400 { requests.writeImmutableBuffer(request) }
        client.pile(requests)
        try await world.relay.waitForLog("too many changes")
    }

    @Test
    func `a client that asks for changes without end is sent away, however fast it reads`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "a,b"])
        let client = try await world.connect("/listen/a?last-seen-id=latest")
        _ = try await client.envelope()
        func send(_ texts: [String]) {
            var frames = ByteBuffer()
            for text in texts { frames.writeImmutableBuffer(WebSocketTestClient.frame(0x1, Array(text.utf8))) }
            client.pile(frames)
        }
        // Most are not even requests.
        send(Array(repeating: "x", count: 999) + [#"{"subscribe":["b"]}"#])
        #expect(try await client.envelope().type == "subscribed")
        send(["x"])
        guard case .close(let code, _) = try await client.next() else {
            Issue.record("it goes on")
            return
        }
        #expect(code == 1008)
    }

    @Test
    func `what a client asked for before it left does not count afterwards`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "a,b,*"])
        for round in 0..<20 {
            let client = try await world.connect("/listen/a?last-seen-id=latest")
            _ = try await client.envelope()
            var requests = ByteBuffer()
            for text in [
                #"{"subscribe":["new\#(round)"]}"#, #"{"unsubscribe":["a"]}"#, #"{"subscribe":["b"]}"#,
            ] {
                requests.writeImmutableBuffer(WebSocketTestClient.frame(0x1, Array(text.utf8)))
            }
            requests.writeImmutableBuffer(WebSocketTestClient.frame(0x8, [0x03, 0xE8]))
            client.pile(requests)
            while try await client.next() != nil {}
        }
        // Each admission is over when the one behind it is: channels are listened to in their order.
        await (try await world.connect("/listen/last?last-seen-id=latest")).cut()
        _ = try await world.relay.waitForLog("WebSocket ended")
        let counts = try await Self.subscribers(world)
        #expect(counts["a"] == 0 && counts["b"] == 0, "\(counts)")
    }

    private static func subscribers(_ world: World) async throws -> [String: Int] {
        let body = try await world.get("/channels").body
        let pairs = body.matches(of: /"channel":"([^"]*)"[^}]*"subscribers":(-?\d+)/)
        return Dictionary(uniqueKeysWithValues: pairs.map { (String($0.1), Int($0.2) ?? .min) })
    }

    @Test
    func `what was evicted is told for each channel, an outage once for all`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "a,b", "ES_LOGMAXEVENTSPERCHANNEL": "10"])
        try await world.sql.runEach((1...30).map { "SELECT pg_notify('a', '\($0)')" } + ["SELECT pg_notify('b', '1')"])
        let live = try await world.connect("/listen/b?last-seen-id=0")
        while try await live.envelope().type != "live" {}
        let client = try await world.connect("/listen?channel=a&channel=b&last-seen-id=0")
        let gap = try await client.envelope()
        #expect(gap.type == "gap" && gap.reason == "evicted" && gap.channel == "a" && gap.after == 0)
        let kept = try await world.history("/history/a?limit=1000")
        #expect(gap.before == kept.floor + 1)
        for event in kept.events { #expect(try await client.envelope() == event) }
        #expect(try await self.texts(client, 1) == ["b:1"])
        _ = try await client.envelope()
        try await world.sql.run(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'pg_eventrelay' AND datname = current_database()
            """
        )
        let outage = try await client.envelope()
        #expect(outage.reason == "disconnected" && outage.channel == nil)
    }
}
