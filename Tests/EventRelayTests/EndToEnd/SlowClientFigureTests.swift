import Foundation
import RelayTestSupport
import Testing

/// A figure, not a test: `make slow-clients`.
struct SlowClientFigureTests {
    @Test(.enabled(if: SlowClientFigure.isWanted), .timeLimit(.minutes(10)))
    func `healthy clients' latency with and without stalled ones`() async throws {
        try await SlowClientFigure.measure()
    }
}

/// How long events take to healthy clients while 1,000 others have stopped reading, compared with the same without
/// them: both in turn, several times in one run, so that the machine's moods hit both.
enum SlowClientFigure {
    static let isWanted = ProcessInfo.processInfo.environment["EVENTRELAY_SLOW_CLIENTS"] != nil

    private static let stalledClients = 1000
    private static let healthyClients = 10
    private static let rounds = 5
    private static let eventsARound = 200
    /// Enough to fill every buffer between the relay and a client that doesn't read.
    private static let fillingEvents = 150

    static func measure() async throws {
        let world = try await World()
        var healthy: [WebSocketTestClient] = []
        for _ in 0..<self.healthyClients { healthy.append(try await world.connect("/listen/busy")) }
        _ = try await self.latencies(healthy, world)
        var (without, with): ([Duration], [Duration]) = ([], [])
        for _ in 0..<self.rounds {
            without += try await self.latencies(healthy, world)
            let stalled = try await self.stall(healthy, world)
            with += try await self.latencies(healthy, world)
            for client in stalled { await client.cut() }
            while try await world.get("/health").body.firstMatch(of: /"clients":10\b/) == nil {}
        }
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            let (one, other) = (self.quantile(share, without), self.quantile(share, with))
            print(
                "slow-clients: \(name) \(one) alone, \(other) beside \(self.stalledClients) stalled: ratio \(other / one)"
            )
        }
    }

    /// Connects clients that stop reading, and sends until all of them lag.
    private static func stall(_ healthy: [WebSocketTestClient], _ world: World) async throws -> [WebSocketTestClient] {
        var stalled: [WebSocketTestClient] = []
        for _ in 0..<self.stalledClients {
            let client = try await WebSocketTestClient.connect(
                port: world.relay.port,
                "/listen/busy",
                receiveBuffer: 4096
            )
            try await client.setReading(false)
            stalled.append(client)
        }
        try await world.sql.run(
            "SELECT pg_notify('busy', lpad(number::text, 4000, '.')) FROM generate_series(1, \(self.fillingEvents)) AS number"
        )
        for client in healthy { for _ in 0..<self.fillingEvents { _ = try await client.text() } }
        return stalled
    }

    /// From before the NOTIFY to the last healthy client's receipt, for each event.
    private static func latencies(_ healthy: [WebSocketTestClient], _ world: World) async throws -> [Duration] {
        var latencies: [Duration] = []
        for number in 0..<self.eventsARound {
            let start = ContinuousClock.now
            try await world.sql.notify("busy", "\(number)")
            for client in healthy { _ = try await client.text() }
            latencies.append(ContinuousClock.now - start)
        }
        return latencies
    }

    private static func quantile(_ share: Double, _ values: [Duration]) -> Duration {
        values.sorted()[Int(Double(values.count - 1) * share)]
    }
}
