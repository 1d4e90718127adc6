import RelayTestSupport
import Testing

@Suite(.timeLimit(.minutes(2)))
struct DeliveryTests {
    @Test
    func `a raw message is the payload byte for byte`() async throws {
        let world = try await World()
        let client = try await world.connect("/listen/people")
        let payloads = [
            "", "plain", #"{"a": "b\"c\\d"}"#, "line\nbreak\ttab", "ä€😀", "<script>",
            String(repeating: "x", count: 7999),
        ]
        for payload in payloads { try await world.sql.notify("people", payload) }
        for payload in payloads { #expect(try await client.text() == payload) }
    }

    @Test
    func `an enveloped message has the documented fields in the documented order`() async throws {
        let world = try await World()
        let client = try await world.connect("/listen/people?last-seen-id=latest")
        let live = try await client.text()
        #expect(live.wholeMatch(of: /\{"type":"live","id":\d{16},"log":"[0-9a-f]+"\}/) != nil)
        try await world.sql.notify("people", "say \"hi\"\n\u{1}\\")
        let event = try await client.text()
        #expect(
            event.wholeMatch(
                of:
                    /\{"type":"event","id":\d{16},"channel":"people","time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z","payload":"say \\"hi\\"\\n\\u0001\\\\"\}/
            ) != nil
        )
        #expect(try Envelope(parsing: event).payload == "say \"hi\"\n\u{1}\\")
    }

    @Test
    func `several clients of both kinds get one batch in the same order`() async throws {
        let world = try await World()
        let raw = try await [world.connect("/listen/many"), world.connect("/listen/many")]
        let enveloped = try await [
            world.connect("/listen/many?last-seen-id=latest"), world.connect("/listen/many?last-seen-id=0"),
        ]
        for client in enveloped { #expect(try await client.envelope().type == "live") }
        let other = try await world.connect("/listen/other")
        try await world.sql.run("SELECT pg_notify('many', number::text) FROM generate_series(1, 3000) AS number")
        try await world.sql.notify("other", "only this")
        for number in 1...3000 {
            for client in raw { #expect(try await client.text() == "\(number)") }
            for client in enveloped { #expect(try await client.envelope().payload == "\(number)") }
        }
        #expect(try await other.text() == "only this")
    }

    @Test
    func `bytes that are not UTF-8 reach clients as text, and in full beside it`() async throws {
        let world = try await World(encoding: "SQL_ASCII")
        let raw = try await world.connect("/listen/bytes")
        let enveloped = try await world.connect("/listen/bytes?last-seen-id=latest")
        _ = try await enveloped.envelope()
        try await world.sql.run(#"SET client_encoding = 'SQL_ASCII'; SELECT pg_notify('bytes', E'a\xff\xfe!')"#)
        try await world.sql.notify("bytes", "next")
        #expect(try await raw.text() == "a\u{FFFD}\u{FFFD}!")
        #expect(try await raw.text() == "next")
        let event = try await enveloped.envelope()
        #expect(event.payload == "a\u{FFFD}\u{FFFD}!" && event.payload_base64 == "Yf/+IQ==")
        let next = try await enveloped.envelope()
        #expect(next.payload == "next" && next.payload_base64 == nil)
        #expect(try await world.history("/history/bytes").events == [event, next])
    }

    @Test
    func `names that look alike and differ in their bytes are different channels`() async throws {
        let world = try await World()
        let composed = try await world.connect("/listen/caf%C3%A9")
        let decomposed = try await world.connect("/listen/cafe%CC%81")
        try await world.sql.notify("caf\u{E9}", "composed")
        try await world.sql.notify("cafe\u{301}", "decomposed")
        #expect(try await composed.text() == "composed")
        #expect(try await decomposed.text() == "decomposed")
    }

    @Test
    func `a name that the database can't have is refused, and the others go on`() async throws {
        let world = try await World(encoding: "LATIN1", environment: ["ES_CHANNELS": "good,*"])
        let good = try await world.connect("/listen/good")
        let refused = await #expect(throws: UpgradeRefused.self) {
            try await world.connect("/listen/%E6%97%A5%E6%9C%AC")
        }
        #expect(refused?.status == 400 && refused?.response.contains("encoding") == true)
        try await world.sql.notify("good", "still heard")
        #expect(try await good.text() == "still heard")
        let later = try await world.connect("/listen/later")
        try await world.sql.notify("later", "also")
        #expect(try await later.text() == "also")
    }

    @Test(arguments: [
        ("caf%C3%A9", "café"), ("%E6%97%A5%E6%9C%AC", "日本"), ("with%20space", "with space"), ("UPPER", "UPPER"),
        ("a.b.c", "a.b.c"), ("a%2Fb", "a/b"), ("100%25", "100%"), ("a+b", "a+b"), ("%3Fx", "?x"),
        ("x%22%3B%20DROP%20TABLE%20people%3B%20--", "x\"; DROP TABLE people; --"),
        ("'%3B%20SELECT%201%3B", "'; SELECT 1;"),
        (String(repeating: "n", count: 63), String(repeating: "n", count: 63)),
    ])
    func `any name PostgreSQL can have is a channel, and only ever an identifier`(
        path: String,
        name: String
    ) async throws {
        let world = try await World()
        try await world.sql.run("CREATE TABLE people (name text)")
        let client = try await world.connect("/listen/\(path)?last-seen-id=latest")
        _ = try await client.envelope()
        try await world.sql.notify(name, "arrived")
        let event = try await client.envelope()
        #expect(event.channel == name && event.payload == "arrived")
        #expect(try await world.history("/history/\(path)").events == [event])
        #expect(try await world.sql.run("SELECT count(*) FROM people") == [["0"]])
    }

    @Test
    func `names that can't be channels, and bad parameters, are refused with a sentence before any upgrade`()
        async throws
    {
        let world = try await World(environment: ["ES_CHANNELS": "people,orders.*"])
        let long = String(repeating: "%C3%A9", count: 32)  // 64 bytes
        let cases: [(target: String, status: Int, detail: String)] = [
            ("/listen/", 400, "empty"), ("/listen/%00", 400, "NUL"), ("/listen/\(long)", 400, "64 bytes"),
            ("/listen/%zz", 400, "%25"), ("/listen/%e", 400, "%25"), ("/listen/%ff", 400, "UTF-8"),
            ("/listen/secret", 403, "requested channel 'secret' is not allowed"),
            ("/listen/People", 403, "requested channel 'People' is not allowed"),
            ("/listen/people?last-seen-id=-1", 400, "last-seen-id"),
            ("/listen/people?last-seen-id=abc", 400, "last-seen-id"),
            ("/listen/people?last-seen-id=1e9", 400, "last-seen-id"),
            ("/listen/people?last-seen-id=", 400, "last-seen-id"),
            ("/listen/people?last-seen-id", 400, "last-seen-id"),
            ("/listen/people?last-seen-id=9007199254740992", 400, "2^53"),
            ("/listen/people?last-seen-id=18446744073709551616", 400, "2^53"),
            ("/listen/people?last-seen-id=1&last-seen-id=2", 400, "2 times"),
            ("/listen/people?last-seen-id=1&log=", 400, "log"), ("/nowhere", 404, "/listen/{channel}"),
            ("/listen", 400, "channel"), ("/listen/people/x", 404, "/listen/{channel}"),
        ]
        for (target, status, detail) in cases {
            let refused = await #expect(throws: UpgradeRefused.self, "\(target)") { try await world.connect(target) }
            #expect(refused?.status == status, "\(target)")
            #expect(refused?.response.contains(detail) == true, "\(target): \(refused?.response ?? "")")
            #expect(refused?.response.contains("application/problem+json") == true, "\(target)")
        }
        #expect(try await world.connect("/listen/people?last-seen-id=9007199254740991").envelope().reason == "ahead")
        _ = try await world.connect("/listen/orders.new")
    }

    @Test
    func `limits on channels and clients are answered with 503 and give way again`() async throws {
        let world = try await World(environment: ["ES_MAXCHANNELS": "2", "ES_MAXCLIENTS": "3"])
        let one = try await world.connect("/listen/one")
        _ = try await world.connect("/listen/two")
        let third = await #expect(throws: UpgradeRefused.self) { try await world.connect("/listen/three") }
        #expect(third?.status == 503 && third?.response.contains("MaxChannels") == true)
        _ = try await world.connect("/listen/one")
        let fourth = await #expect(throws: UpgradeRefused.self) { try await world.connect("/listen/one") }
        #expect(fourth?.status == 503 && fourth?.response.contains("MaxClients") == true)
        try await one.send(0x8, [0x03, 0xE8])
        while try await one.next() != nil {}
        // It is counted a moment after its connection has ended.
        while try await !world.get("/health").body.contains(#""clients":2"#) {}
        _ = try await world.connect("/listen/one")
    }

    @Test
    func `what a client sends is read and ignored, within limits`() async throws {
        let world = try await World()
        let client = try await world.connect("/listen/people")
        try await client.send(0x1, Array("hello".utf8))
        try await client.send(0x2, [1, 2, 3])
        try await world.sql.notify("people", "still here")
        #expect(try await client.text() == "still here")
        try await client.send(0x1, Array(repeating: 65, count: 60_000), isFinal: false)
        try await client.send(0x0, Array(repeating: 65, count: 60_000))
        #expect(try await client.next() == .close(code: 1009, reason: "the message is too large"))
        let unmasked = try await world.connect("/listen/people")
        try await unmasked.send(0x1, Array("hello".utf8), isMasked: false)
        guard case .close(1002, _) = try await unmasked.next() else {
            Issue.record("no close 1002")
            return
        }
    }

    @Test
    func `bytes behind the upgrade request and a kept-alive connection both work`() async throws {
        let world = try await World()
        // The close comes in the same packet as the request.
        let eager = try await WebSocketTestClient.connect(
            port: world.relay.port,
            "/listen/people",
            extra: WebSocketTestClient.frame(0x8, [0x03, 0xE8])
        )
        #expect(try await eager.next() == .close(code: 1000, reason: ""))
        // A second request on a connection is as good for an upgrade as the first.
        let answer = try await HTTPTestClient.exchange(
            "GET /history/people HTTP/1.1\r\nHost: x\r\n\r\n"
                + "GET /listen/people HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                + "\u{8}\u{0}",
            port: world.relay.port
        )
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(answer.contains("HTTP/1.1 101 Switching Protocols\r\n"))
        #expect(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
        // A request for another protocol is a plain one, and the last of its connection.
        let other = try await HTTPTestClient.exchange(
            "GET /health HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
            port: world.relay.port
        )
        #expect(other.hasPrefix("HTTP/1.1 200 OK\r\n") && other.contains("Connection: close\r\n"))
    }

    @Test(arguments: [
        ("", "1.1", 400), ("Host: a\r\nHost: b\r\n", "1.1", 400), ("", "1.0", 200), ("Host: a\r\n", "1.1", 200),
    ])
    func `a request names one host, but for HTTP 1 point 0`(hosts: String, version: String, status: Int) async throws {
        let world = try await World()
        let request = "GET /health HTTP/\(version)\r\n\(hosts)Connection: close\r\n\r\n"
        let answer = try await HTTPTestClient.exchange(request, port: world.relay.port)
        #expect(answer.split(separator: " ").dropFirst().first == "\(status)")
    }

    @Test
    func `a handshake without key or with another version is refused`() async throws {
        let world = try await World()
        for line in [
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ] {
            let answer = try await HTTPTestClient.exchange(
                "GET /listen/nobody HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\(line)\r\n\r\n",
                port: world.relay.port
            )
            #expect(answer.hasPrefix("HTTP/1.1 400 ") && answer.contains("Sec-WebSocket-Version: 13"))
        }
        // Nothing was begun for them.
        #expect(try await !world.get("/channels").body.contains("nobody"))
    }
}
