import NIOCore
import RelayTestSupport
import Testing

// Under ThreadSanitizer a million requests take minutes.
@Suite(.timeLimit(.minutes(8)))
struct HostilePeerTests {
    /// Some thousands of connections; the first round fills pools and caches.
    @Test
    func
        `after thousands of hostile connections the relay has as many descriptors as before, and not much more memory`()
        async throws
    {
        // As many at once as there may be of all addresses.
        let world = try await World(environment: ["ES_MAXCHANNELS": "50", "ES_MAXCONNECTIONSPERADDRESS": "0"])
        let healthy = try await world.connect("/listen/healthy")
        try await self.act(world, each: 40)
        try await self.settle(world)
        let (descriptors, memory) = (world.relay.descriptors, world.relay.residentKiB)
        try await self.act(world, each: 200 * RandomTests.size)
        try await self.settle(world)
        // The last connections are closed a moment after they are counted as gone.
        while world.relay.descriptors > descriptors { _ = try await world.get("/health") }
        #expect(world.relay.residentKiB - memory < 32 << 10)
        try await world.sql.notify("healthy", "still served")
        #expect(try await healthy.text() == "still served")
    }

    private func act(_ world: World, each count: Int) async throws {
        let port = world.relay.port
        for first in stride(from: 0, to: count, by: 20) {
            try await withThrowingTaskGroup { group in
                for number in first..<min(count, first + 20) {
                    for peer in HostilePeers.allCases {
                        group.addTask { try await peer.act(port: port, number: number) }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    /// Until nobody but the one healthy client is left.
    private func settle(_ world: World) async throws {
        while try await world.get("/health").body.firstMatch(of: /"clients":1\b/) == nil {}
    }

    @Test
    func `headers beyond the limits are answered with 431`() async throws {
        let world = try await World()
        let long = String(repeating: "a", count: 17 << 10)
        let many = (0..<101).map { "H\($0): a\r\n" }.joined()
        let large = (0..<5).map { "H\($0): \(String(repeating: "a", count: 15 << 10))\r\n" }.joined()
        for headers in ["H: \(long)\r\n", many, large] {
            let client = try await RawTestClient.connect(port: world.relay.port)
            try await client.send("GET /health HTTP/1.1\r\nHost: x\r\n")
            client.pile(ByteBuffer(string: headers + "\r\n"))
            #expect(try await client.whenEnded().hasPrefix("HTTP/1.1 431 "))
        }
    }

    @Test
    func `requests that are sent without reading the answers are not answered into memory`() async throws {
        let world = try await World()
        // A sanitizer makes each request many times slower, and there memory is not looked at.
        let (clientCount, requestsMeanwhile) = RelayProcess.isSanitized ? (3, 50) : (20, 500)
        for method in ["HEAD", "GET", "OPTIONS"] {
            let request = "\(method) /health HTTP/1.1\r\nHost: x\r\n\r\n"
            let piece = ByteBuffer(string: String(repeating: request, count: 1000))
            _ = try await world.get("/health")
            let before = world.relay.residentKiB
            let clients = try await self.make(clientCount) {
                try await RawTestClient.connect(port: world.relay.port, reads: false)
            }
            // 20,000 requests each: their answers would be some 100 MB.
            for client in clients { for _ in 0..<20 { client.pile(piece) } }
            // Long after the answers that fit into the sockets.
            for _ in 0..<requestsMeanwhile { _ = try await world.get("/health") }
            #expect(world.relay.residentKiB - before < 24 << 10 || RelayProcess.isSanitized, "\(method)")
            for client in clients { await client.close() }
        }
    }

    @Test
    func `connections that are no WebSockets are bounded, and give way again`() async throws {
        let world = try await World()
        let port = world.relay.port
        var silent: [RawTestClient] = []
        for source in ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"] {
            silent += try await self.make(256) { try await RawTestClient.connect(port: port, from: source) }
        }
        let refused = try await RawTestClient.connect(port: port, from: "127.0.0.6")
        #expect(try await refused.whenEnded() == "")
        for client in silent.prefix(10) { await client.reset() }
        while (try? await world.get("/health")) == nil {}
        let webSocket = try await world.connect("/listen/people")
        try await world.sql.notify("people", "hello")
        #expect(try await webSocket.text() == "hello")
        for client in silent { await client.close() }
    }

    /// The status of an answer to a request from an address; nil where the connection is closed instead.
    private func status(_ world: World, from source: String) async throws -> String? {
        let client = try await RawTestClient.connect(port: world.relay.port, from: source)
        try? await client.send("GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return try await client.whenEnded().split(separator: " ").dropFirst().first.map(String.init)
    }

    @Test
    func `one address leaves others places for connections that are no WebSockets, and gets its own back`()
        async throws
    {
        let world = try await World()
        let port = world.relay.port
        // One that has become a WebSocket holds none of them.
        let webSocket = try await world.connect("/listen/people")
        try await world.sql.notify("people", "before")
        #expect(try await webSocket.text() == "before")
        let resting = try await self.make(256) {
            let client = try await RawTestClient.connect(port: port)
            try await client.send("GET /ready HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.whenReceived("true").hasPrefix("HTTP/1.1 200 "))
            return client
        }
        #expect(try await self.status(world, from: "127.0.0.1") == nil)
        #expect(try await self.status(world, from: "127.0.0.2") == "200")
        let ofOther = try await RawTestClient.connect(port: port, from: "127.0.0.2")
        try await ofOther.send("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        let refused = #"pg_eventrelay_requests_refused_total{cause="limit-address"} 1"#
        #expect(try await ofOther.whenEnded().contains(refused + "\n"))
        try await world.sql.notify("people", "after")
        #expect(try await webSocket.text() == "after")
        await resting[0].close()
        while try await self.status(world, from: "127.0.0.1") == nil {}
        for client in resting { await client.close() }
    }

    @Test
    func `a trusted proxy has more places for connections than an address`() async throws {
        let world = try await World(environment: ["ES_TRUSTEDPROXIES": "127.0.0.2"])
        let port = world.relay.port
        let clients = try await self.make(300) { try await RawTestClient.connect(port: port, from: "127.0.0.2") }
        #expect(try await self.status(world, from: "127.0.0.2") == "200")
        for client in clients { await client.close() }
    }

    @Test
    func `a process without descriptors serves those it has, and goes on accepting when there are some again`()
        async throws
    {
        let world = try await World()
        let healthy = try await world.connect("/listen/people")
        try world.relay.limitDescriptors(to: world.relay.descriptors + 5)
        let port = world.relay.port
        let start = ContinuousClock.now
        let clients = try await self.make(20) { try await RawTestClient.connect(port: port) }
        let message = "connections can't be accepted"
        try await world.relay.waitForLog(message)
        for number in 0..<200 {
            try await world.sql.notify("people", "\(number)")
            #expect(try await healthy.text() == "\(number)")
        }
        // One attempt a second, and not as many as the processor can make.
        try await world.relay.waitForLog(message)
        let attempts = world.relay.log().count { $0.contains(message) }
        #expect(.seconds(attempts) < ContinuousClock.now - start + .seconds(1))
        for client in clients { await client.close() }
        #expect(try await world.get("/health").status == 200)
    }

    @Test
    func `connections beyond the process's descriptors are closed, and those that are there are served`() async throws {
        let world = try await World(descriptors: 100)
        #expect(world.relay.log().contains { $0.contains("fewer open files than MaxClients needs") })
        let healthy = try await world.connect("/listen/people")
        let port = world.relay.port
        let clients = try await self.make(150) { try await RawTestClient.connect(port: port) }
        for number in 0..<100 {
            try await world.sql.notify("people", "\(number)")
            #expect(try await healthy.text() == "\(number)")
        }
        #expect(world.relay.descriptors < 100)
        for client in clients { await client.close() }
        while (try? await world.get("/health")) == nil {}
        #expect(try await world.get("/health").status == 200)
    }

    @Test
    func `one address brings so many new channels a minute and no more, and is told when to come back`() async throws {
        let world = try await World(environment: ["ES_NEWCHANNELSPERMINUTE": "3"])
        for number in 1...3 { _ = try await world.connect("/listen/channel-\(number)") }
        let refused = await #expect(throws: UpgradeRefused.self) { try await world.connect("/listen/channel-4") }
        #expect(refused?.status == 429 && refused?.response.contains("NewChannelsPerMinute") == true)
        #expect(refused?.response.contains("Retry-After: ") == true)
        _ = try await world.connect("/listen/channel-2")
        #expect(try await world.get("/history/channel-5").status == 200)
    }

    @Test
    func `each broken rule is answered with its close code by the real program`() async throws {
        let world = try await World()
        let cases: [(opcode: UInt8, payload: [UInt8], isFinal: Bool, code: UInt16)] = [
            (0x0, [], true, 1002), (0x9, [], false, 1002), (0x3, [], true, 1002), (0x41, [], true, 1002),
            (0x1, [0xC3, 0x28], true, 1007), (0x8, [0x03], true, 1002), (0x8, [0x03, 0xEE], true, 1002),
            (0x8, [0x03, 0xE8, 0xFF], true, 1007), (0x8, [0x0F, 0xA0], true, 4000),
            (0x9, Array(repeating: 1, count: 126), true, 1002), (0x2, Array(repeating: 1, count: 70_000), true, 1009),
        ]
        for (opcode, payload, isFinal, code) in cases {
            let client = try await world.connect("/listen/people")
            try await client.send(opcode, payload, isFinal: isFinal)
            guard case .close(let received, _)? = try await client.next() else {
                Issue.record("no close for \(opcode) \(payload.prefix(4))")
                continue
            }
            #expect(received == code, "\(opcode) \(payload.prefix(4))")
            #expect(try await client.next() == nil)
        }
    }

    private func make<Client: Sendable>(
        _ count: Int,
        _ connect: @escaping @Sendable () async throws -> Client
    ) async throws -> [Client] {
        try await withThrowingTaskGroup(of: Client.self) { group in
            for _ in 0..<count { group.addTask { try await connect() } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }
}
