import RelayTestSupport
import Testing

/// Numbered events from several sessions at once, as an application's transactions send them.
struct Traffic {
    let channel: String
    let publishers: Int
    let eventsEach: Int

    static let endMarker = "end"

    /// Publishes everything, then the marker that tells clients that nothing follows.
    func publish(to database: String) async throws {
        try await withThrowingTaskGroup { group in
            for publisher in 0..<self.publishers {
                group.addTask { try await SQLSession(database).runEach(self.statements(of: publisher)) }
            }
            try await group.waitForAll()
        }
        try await SQLSession(database).notify(self.channel, Self.endMarker)
    }

    /// Now and then a transaction with several events.
    func statements(of publisher: Int) -> [String] {
        (0..<self.eventsEach).map { number in
            "SELECT pg_notify(\(SQLSession.literal(self.channel)), '\(publisher):\(number)')"
        }.chunks(of: publisher % 2 == 0 ? 1 : 5).map { $0.joined(separator: ";") }
    }

    /// Of which publisher and which number an event is; nil for other payloads.
    static func number(of payload: String) -> (publisher: Int, number: Int)? {
        let parts = payload.split(separator: ":").compactMap { Int($0) }
        return parts.count == 2 ? (parts[0], parts[1]) : nil
    }
}

/// A client that follows the one rule: it remembers the id of the last message and comes back with it.
struct ResumingClient {
    /// What it connects to, without a position.
    let target: String
    let transport: Transport
    var cursor: String = "0"
    private(set) var messages: [Envelope] = []

    init(channel: String, over transport: Transport = .webSocket) {
        self.init(target: "/listen/\(channel)", over: transport)
    }

    init(target: String, over transport: Transport) {
        self.target = target
        self.transport = transport
    }

    /// Follows until the end marker, cutting its own connection at random moments.
    mutating func follow(
        port: () async throws -> Int,
        cutAfter: ClosedRange<Int>,
        until endMarker: String = Traffic.endMarker,
        _ generator: inout SeededGenerator
    ) async throws {
        while true {
            guard
                let client = try? await self.connect(port: try await port())
            else { continue }  // The relay is being restarted; `port` waits for it.
            for _ in 0..<Int.random(in: cutAfter, using: &generator) {
                guard let message = try? await client.envelope() else { break }
                let hasFallen = message.id < self.messages.last?.id ?? 0
                self.cursor = String(message.id)
                self.messages.append(message)
                // After an id that fell there is nothing to wait for; `expectOrderedOnce` says it.
                if message.payload == endMarker || hasFallen { return await client.cut() }
            }
            await client.cut()
        }
    }

    /// An event stream comes back as a browser does: with the URL that it had at first.
    private func connect(port: Int) async throws -> any EnvelopeReader {
        let (start, header) = self.transport == .webSocket ? (self.cursor, nil) : ("0", self.cursor)
        let target = "\(self.target)\(self.target.contains("?") ? "&" : "?")last-seen-id=\(start)"
        return try await self.transport.connect(port: port, target, lastEventID: header)
    }

    var events: [Envelope] { self.messages.filter { $0.type == "event" } }
    var gaps: [Envelope] { self.messages.filter { $0.type == "gap" } }
}

extension Array {
    func chunks(of size: Int) -> [[Element]] {
        stride(from: 0, to: self.count, by: size).map { Array(self[$0..<Swift.min($0 + size, self.count)]) }
    }
}

/// Ids grow over all connections of a client, except that a `live` or `gap` message may repeat the position it stands at.
func expectOrderedOnce(_ client: ResumingClient, sourceLocation: SourceLocation = #_sourceLocation) {
    let ids = client.events.map(\.id)
    #expect(
        zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 },
        "events out of order or twice",
        sourceLocation: sourceLocation
    )
    let all = client.messages.map(\.id)
    #expect(zip(all, all.dropFirst()).allSatisfy { $0 <= $1 }, "an id fell", sourceLocation: sourceLocation)
    for publisher in Set(client.events.compactMap { $0.payload.flatMap(Traffic.number)?.publisher }) {
        let numbers = client.events.compactMap { $0.payload.flatMap(Traffic.number) }.filter {
            $0.publisher == publisher
        }
        #expect(
            zip(numbers, numbers.dropFirst()).allSatisfy { $0.number < $1.number },
            "a publisher's events out of order or twice",
            sourceLocation: sourceLocation
        )
    }
}

/// What a client did not get lies in a gap that it was told of: one stands in its stream between the neighbours of each
/// missing event.
func expectMissingCovered(
    _ client: ResumingClient,
    by traffic: Traffic,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    var idOf: [Int: [Int: Int64]] = [:]
    for event in client.events {
        guard let (publisher, number) = event.payload.flatMap(Traffic.number) else { continue }
        idOf[publisher, default: [:]][number] = event.id
    }
    for publisher in 0..<traffic.publishers {
        let received = idOf[publisher] ?? [:]
        for number in 0..<traffic.eventsEach where received[number] == nil {
            let before = (0..<number).reversed().lazy.compactMap { received[$0] }.first ?? 0
            let after = (number..<traffic.eventsEach).lazy.compactMap { received[$0] }.first ?? .max
            let isCovered = client.gaps.contains { gap in
                before <= gap.id && gap.id <= after && (gap.after ?? 0) < after && (gap.before ?? 0) > before
            }
            #expect(isCovered, "event \(publisher):\(number) is missing without a gap", sourceLocation: sourceLocation)
        }
    }
}
