import RelayTestSupport
import Testing

@Suite(.timeLimit(.minutes(2)))
struct ClientLimitTests {
    private func refusal(_ world: World, _ headers: [String] = []) async throws -> UpgradeRefused? {
        await #expect(throws: UpgradeRefused.self) { try await world.connect("/listen/x", headers: headers) }
    }

    /// A client is counted a moment after its connection has ended.
    private func settle(_ world: World, clients: Int) async throws {
        while try await !world.get("/health").body.contains(#""clients":\#(clients)}"#) {}
    }

    @Test
    func `one address has so many clients, and another when one has left or is cut`() async throws {
        let world = try await World(environment: ["ES_MAXCLIENTSPERADDRESS": "2"])
        let first = try await world.connect("/listen/x")
        let second = try await world.connect("/listen/y")
        let refused = try await self.refusal(world)
        #expect(refused?.status == 429 && refused?.response.contains("MaxClientsPerAddress") == true)
        #expect(refused?.response.contains("Retry-After: 10\r\n") == true)
        try await first.send(0x8, [0x03, 0xE8])
        while try await first.next() != nil {}
        try await self.settle(world, clients: 1)
        _ = try await world.connect("/listen/x")
        #expect(try await self.refusal(world)?.status == 429)
        await second.cut()
        try await self.settle(world, clients: 1)
        _ = try await world.connect("/listen/x")
        #expect(try await self.refusal(world)?.status == 429)
    }

    @Test
    func `who never becomes a client takes no place for long`() async throws {
        let world = try await World(environment: ["ES_MAXCLIENTSPERADDRESS": "1"])
        for _ in 0..<5 {
            // Let in, and refused by the handshake.
            let answer = try await HTTPTestClient.exchange(
                "GET /listen/x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n",
                port: world.relay.port
            )
            #expect(answer.hasPrefix("HTTP/1.1 400 "))
        }
        for number in 0..<20 {
            // Gone while its channel's LISTEN is under way.
            let client = try await RawTestClient.connect(port: world.relay.port)
            try? await client.send(HostilePeers.upgrade(to: "channel-\(number)"))
            await client.reset()
        }
        // Each is gone at some time.
        var client = try? await world.connect("/listen/x")
        while client == nil { client = try? await world.connect("/listen/x") }
        #expect(try await self.refusal(world)?.status == 429)
    }

    @Test
    func `behind a trusted proxy each client has its own count, and nobody chooses another's`() async throws {
        let world = try await World(
            environment: ["ES_MAXCLIENTSPERADDRESS": "1", "ES_TRUSTEDPROXIES": "loopback, 10.0.0.0/8"]
        )
        for line in [
            "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 203.0.113.9, 192.0.2.2",
            "Forwarded: for=\"[2001:db8::1]:4711\";proto=https", "X-Forwarded-For: 192.0.2.3, 10.1.2.3",
        ] {
            _ = try await world.connect("/listen/x", headers: [line])
            #expect(try await self.refusal(world, [line])?.status == 429, "\(line)")
        }
        // Others of the same clients, as they say of themselves.
        for line in [
            "X-Forwarded-For: 203.0.113.9, 192.0.2.1", "X-Forwarded-For: 192.0.2.2:4711",
            "Forwarded: for=\"[2001:db8::2]\"",
        ] {
            #expect(try await self.refusal(world, [line])?.status == 429, "\(line)")
        }
        // Without a header the client is the proxy itself, as with one that can't be understood.
        _ = try await world.connect("/listen/x")
        #expect(try await self.refusal(world, ["X-Forwarded-For: 192.0.2.4, nonsense"])?.status == 429)
    }

    @Test
    func `headers of who is not trusted change nothing`() async throws {
        let world = try await World(
            environment: ["ES_MAXCLIENTSPERADDRESS": "1", "ES_TRUSTEDPROXIES": "10.0.0.0/8, 192.0.2.0/24"]
        )
        _ = try await world.connect("/listen/x", headers: ["X-Forwarded-For: 192.0.2.1"])
        for line in ["X-Forwarded-For: 198.51.100.7", "Forwarded: for=198.51.100.7", "X-Forwarded-For: 192.0.2.1"] {
            #expect(try await self.refusal(world, [line])?.status == 429, "\(line)")
        }
    }

    @Test(arguments: [
        ("/listen/x", "ES_UPGRADESPERSECOND", 426), ("/history/x", "ES_HISTORYREQUESTSPERSECOND", 200),
        ("/channels", "ES_HISTORYREQUESTSPERSECOND", 200),
    ])
    func `beyond its rate an address is told when to come back, and others are served`(
        target: String,
        variable: String,
        served: Int
    ) async throws {
        let world = try await World(environment: [variable: "1", "ES_TRUSTEDPROXIES": "loopback"])
        func get(_ target: String, method: String = "GET", from address: String) async throws -> HTTPTestClient.Response
        {
            try await HTTPTestClient.get(
                target,
                port: world.relay.port,
                method: method,
                headers: ["X-Forwarded-For": address]
            )
        }
        // A burst of ten, and what is added while they are sent.
        var answered = 0
        var last = try await get(target, from: "192.0.2.1")
        while last.status == served, answered < 1000 {
            answered += 1
            last = try await get(target, from: "192.0.2.1")
        }
        #expect(last.status == 429 && (10..<1000).contains(answered))
        let wait = try #require(last.header("Retry-After").flatMap { Int($0) })
        #expect((1...2).contains(wait))
        #expect(last.header("Access-Control-Allow-Origin") == "*")
        #expect(try await get(target, from: "192.0.2.2").status == served)
        #expect(try await get(target, method: "OPTIONS", from: "192.0.2.1").status == 204)
        #expect(try await get("/health", from: "192.0.2.1").status == 200)
    }

    @Test
    func `a request that is slower than its time is answered with 408, counted and logged`() async throws {
        let world = try await World(environment: ["ES_REQUESTTIMEOUT": "1500ms", "ES_DEBUG": "true"])
        let client = try await RawTestClient.connect(port: world.relay.port)
        let start = ContinuousClock.now
        try await client.send("GET /health HTTP/1.1\r\nHost: ")
        let answer = try await client.whenEnded()
        #expect(answer.hasPrefix("HTTP/1.1 408 ") && answer.contains("after 1500 ms"))
        #expect(start.duration(to: .now) >= .seconds(1))
        let line = try await world.relay.waitForLog("request answered")
        #expect(line.contains(" status=408 ") && line.contains(" address=127.0.0.1 "))
        let metrics = try await world.get("/metrics").body
        #expect(metrics.contains(#"pg_eventrelay_http_requests_total{route="none",status="408"} 1"#))
        #expect(metrics.contains(#"pg_eventrelay_requests_refused_total{cause="timeout"} 1"#))
    }

    @Test
    func `a connection that rests is kept for its time`() async throws {
        let world = try await World(environment: ["ES_KEEPALIVETIMEOUT": "10s"])
        let client = try await RawTestClient.connect(port: world.relay.port)
        let start = ContinuousClock.now
        try await client.send("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(try await client.whenEnded().hasPrefix("HTTP/1.1 404 "))
        #expect((.seconds(9)..<(.seconds(60))).contains(start.duration(to: .now)))
    }
}
