import Foundation
import RelayTestSupport
import Testing

/// Server-sent events, beside what the tests of resume, outages and slow clients show over both transports.
@Suite(.timeLimit(.minutes(2)))
struct EventStreamTests {
    @Test
    func `a browser's event stream is told where it is, gets events, and comes back by its last id`() async throws {
        let world = try await World()
        let stream = try await world.stream("/listen/people")
        let live = try #require(try await stream.next())
        #expect(live.type == "live")
        try await world.sql.runEach(["1", "2", "3"].map { "SELECT pg_notify('people', '\($0)')" })
        let first = try await stream.envelope()
        #expect(first.payload == "1" && first.channel == "people")
        await stream.cut()
        // The URL is the one of the beginning; the header says more.
        for target in ["/listen/people", "/listen/people?last-seen-id=latest", "/listen/people?last-seen-id=0"] {
            let back = try await world.stream(target, headers: ["Last-Event-ID: \(first.id)"])
            #expect(try await [back.envelope().payload, back.envelope().payload] == ["2", "3"])
            #expect(try await back.envelope().type == "live")
        }
        let all = try await world.stream("/listen/people?last-seen-id=0")
        #expect(try await all.envelope() == first)
    }

    @Test(arguments: ["1.0", "1.1"])
    func `the answer says that it is one, not to be kept, changed or held back`(version: String) async throws {
        let world = try await World(environment: ["ES_CORSORIGINS": "https://shop.example"])
        let stream = try await world.stream(
            "/listen/people",
            version: version,
            headers: ["Origin: https://shop.example"]
        )
        let reading = try await stream.when { $0.retry != nil }
        for line in [
            "HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Cache-Control: no-store, no-transform",
            "X-Accel-Buffering: no", "Connection: close", "X-Content-Type-Options: nosniff",
            "Access-Control-Allow-Origin: https://shop.example",
        ] {
            #expect(reading.head.split(separator: "\r\n").contains { $0.lowercased() == line.lowercased() }, "\(line)")
        }
        #expect(!reading.head.lowercased().contains("transfer-encoding"))
        try await world.sql.notify("people", "arrived")
        #expect(try await stream.envelope().type == "live")
        #expect(try await stream.envelope().payload == "arrived")
    }

    @Test
    func `the raw form holds payloads, and tells gaps all the same`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "slow", "ES_LOGMAXEVENTS": "100"])
        let stream = try await EventStreamTestClient.connect(
            port: world.relay.port,
            "/listen/slow?format=raw",
            receiveBuffer: 4096
        )
        #expect(try await stream.next()?.type == "live")
        try await world.sql.notify("slow", "two\nlines")
        #expect(try await stream.next()?.data == "two\nlines")
        try await stream.setReading(false)
        let padding = String(repeating: "x", count: 7000)
        try await world.sql.runEach((0..<1000).map { "SELECT pg_notify('slow', '\($0):\(padding)')" })
        try await stream.setReading(true)
        var types: Set<String> = []
        var isOver = false
        while !isOver {
            let event = try #require(try await stream.next())
            types.insert(event.type)
            isOver = event.data.hasPrefix("999:")
        }
        #expect(types == ["message", "gap"])
    }

    @Test
    func `what can't be a stream is refused with a sentence`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "people", "ES_CORSORIGINS": "https://shop.example"])
        func refusal(_ target: String, _ headers: [String]) async -> UpgradeRefused? {
            await #expect(throws: UpgradeRefused.self) { try await world.stream(target, headers: headers) }
        }
        for (target, headers, status, text) in [
            ("/listen/other", [], 403, "not allowed"), ("/listen/people?format=xml", [], 400, "format"),
            ("/listen/people", ["Last-Event-ID: x"], 400, "Last-Event-ID"),
            ("/listen/people", ["Last-Event-ID: 1", "Last-Event-ID: 2"], 400, "Last-Event-ID"),
            ("/listen/people", ["Origin: https://evil.example"], 403, "CORSOrigins"),
        ] as [(String, [String], Int, String)] {
            let refused = await refusal(target, headers)
            #expect(refused?.status == status && refused?.response.contains(text) == true, "\(target) \(headers)")
        }
        // Only a stream has a format: to a WebSocket it is a parameter like any other that it doesn't know.
        await (try await world.connect("/listen/people?format=xml")).cut()
        let plain = try await world.get("/listen/people")
        #expect(plain.status == 426 && plain.body.contains("text/event-stream"))
    }

    @Test(arguments: ["/history/new", "/listen/new", "/health", "/nowhere"])
    func `requests that come in one piece behind an event stream's are passed over`(target: String) async throws {
        let world = try await World()
        // One that waits for PostgreSQL, so that what follows is kept meanwhile, and one that doesn't.
        for channel in ["new", "new"] {
            let client = try await RawTestClient.connect(port: world.relay.port)
            let stream = "GET /listen/\(channel) HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"
            let next = "GET \(target) HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"
            try await client.send(stream + next + next)
            try await client.whenReceived("event: live")
            try await world.sql.notify(channel, "arrived")
            let received = try await client.whenReceived("arrived")
            #expect(received.components(separatedBy: "HTTP/1.1 ").count == 2)
            await client.close()
        }
        #expect(try await world.get("/health").status == 200)
    }

    @Test
    func `it counts among clients, in metrics and in the access log, and ends when the relay stops`() async throws {
        let world = try await World(environment: ["ES_MAXCLIENTS": "2"])
        let stream = try await world.stream("/listen/people")
        _ = try await stream.next()
        let other = try await world.stream("/listen/people?format=raw")
        _ = try await other.next()
        let full = await #expect(throws: UpgradeRefused.self) { try await world.stream("/listen/people") }
        #expect(full?.status == 503)
        try await world.sql.notify("people", "1")
        _ = try await stream.next()
        _ = try await other.next()
        let metrics = try await world.get("/metrics").body
        for kind in ["event-stream", "raw-event-stream"] {
            #expect(metrics.contains(#"pg_eventrelay_clients{kind="\#(kind)",state="live"} 1"#))
            #expect(metrics.contains(#"pg_eventrelay_events_delivered_total{kind="\#(kind)"} 1"#))
        }
        await other.cut()
        let line = try await world.relay.waitForLog("event stream ended")
        for field in ["channel=people", "kind=raw-event-stream", "events=1", "ended-by=client"] {
            #expect(line.contains(" \(field) "), "\(line)")
        }
        #expect(try await world.relay.stop() == 0)
        #expect(try await stream.next() == nil)
        #expect(stream.soFar.comments == [" shutting down, come back"])
    }
}
