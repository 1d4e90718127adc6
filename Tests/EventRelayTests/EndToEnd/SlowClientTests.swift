import RelayTestSupport
import Testing

@Suite(.timeLimit(.minutes(3)))
struct SlowClientTests {
    /// What a client that doesn't read costs the relay at the most (docs/operations.md): its write buffer, and what was
    /// written as it filled up, a page or a batch. The kernel's own buffers are not part of the process.
    private static let kilobytesPerSlowClient = 64 + 512

    private static let payloadBytes = 4000

    private func publish(_ count: Int, _ world: World) async throws {
        try await world.sql.run(
            """
            SELECT pg_notify('busy', lpad(number::text, \(Self.payloadBytes), '.'))
            FROM generate_series(1, \(count)) AS number
            """
        )
    }

    private func payload(_ number: Int) -> String {
        String(repeating: ".", count: Self.payloadBytes - "\(number)".count) + "\(number)"
    }

    private func connectSlow(
        _ count: Int,
        _ world: World,
        over transport: Transport = .webSocket
    ) async throws -> [any EnvelopeReader] {
        try await withThrowingTaskGroup(of: (any EnvelopeReader).self) { group in
            for _ in 0..<count {
                group.addTask {
                    let client = try await world.follow(
                        "/listen/busy?last-seen-id=latest",
                        over: transport,
                        receiveBuffer: 4096
                    )
                    _ = try await client.envelope()
                    try await client.setReading(false)
                    return client
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    /// Ten times what sockets and buffers hold: the rest can only come from the log.
    @Test(arguments: Transport.allCases)
    func `200 clients that don't read delay nobody, cost bounded memory, and get everything when they read again`(
        transport: Transport
    ) async throws {
        let (slowCount, events) = (200, 300)
        let world = try await World(environment: ["ES_DEBUG": "true"])
        let healthy = try await self.connectHealthy(5, world)
        let slow = try await self.connectSlow(slowCount, world, over: transport)
        let before = world.relay.residentKiB
        try await self.publish(events, world)
        for client in healthy {
            for number in 1...events { #expect(try await client.envelope().payload == self.payload(number)) }
        }
        // What is queued for many is the same bytes, so memory alone would not show that nothing is queued any more.
        #expect(world.relay.log().count { $0.contains("subscriber lags") } >= slowCount)
        #expect(world.relay.residentKiB - before < slowCount * Self.kilobytesPerSlowClient)
        try await self.expectAll(events, slow)
    }

    private func connectHealthy(_ count: Int, _ world: World) async throws -> [WebSocketTestClient] {
        var clients: [WebSocketTestClient] = []
        for _ in 0..<count {
            let client = try await world.connect("/listen/busy?last-seen-id=latest")
            _ = try await client.envelope()
            clients.append(client)
        }
        return clients
    }

    private func expectAll(_ events: Int, _ clients: [any EnvelopeReader]) async throws {
        try await withThrowingTaskGroup { group in
            for client in clients {
                group.addTask {
                    try await client.setReading(true)
                    var last: Int64 = 0
                    for number in 1...events {
                        let event = try await client.envelope()
                        #expect(event.type == "event" && event.id > last && event.payload == self.payload(number))
                        last = event.id
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Each takes a message or two at a time, as over a bad line, while the others go on.
    @Test
    func `clients that read in sips fall behind and still get each event once, in order`() async throws {
        let events = 150
        let world = try await World()
        let healthy = try await self.connectHealthy(1, world)[0]
        let sipping = try await self.connectSlow(5, world)
        try await self.publish(events, world)
        for number in 1...events { #expect(try await healthy.envelope().payload == self.payload(number)) }
        for number in 1...events {
            for client in sipping {
                try await client.setReading(true)
                #expect(try await client.envelope().payload == self.payload(number))
                try await client.setReading(false)
            }
        }
    }
}
