import Foundation
import RelayClient
import RelayTestSupport
import Synchronization
import Testing

/// The library `RelayClient` and the program.
@Suite(.timeLimit(.minutes(3)))
struct SwiftClientTests {
    /// Comes back nearly at once, so that many cuts take little time.
    private static let soon = RetryPolicy(first: .milliseconds(2), cap: .milliseconds(10))

    private func connection(
        port: Int,
        channels: [String],
        from position: Position = .latest,
        log: String? = nil,
        token: (@Sendable () async throws -> String)? = nil,
        limits: MessageQueue.Limits = MessageQueue.Limits()
    ) throws -> RelayConnection {
        try RelayConnection(
            "http://127.0.0.1:\(port)",
            channels: channels,
            from: Cursor(position: position, log: log),
            token: token,
            policy: Self.soon,
            limits: limits
        )
    }

    /// What a client got: all of it, in order.
    private struct Seen: Sendable {
        var messages: [Message] = []

        var events: [Event] {
            self.messages.compactMap { if case .event(let event) = $0 { event } else { nil } }
        }

        var gaps: [Gap] {
            self.messages.compactMap { if case .gap(let gap) = $0 { gap } else { nil } }
        }

        func payloads(of channel: String) -> [String] {
            self.events.filter { $0.channel == channel }.map(\.payload)
        }
    }

    /// Takes messages up to the event with this payload.
    private func follow(_ connection: RelayConnection, until last: String) async throws -> Seen {
        var seen = Seen()
        for try await message in connection.messages {
            seen.messages.append(message)
            if case .event(let event) = message, event.payload == last { break }
        }
        return seen
    }

    /// Numbers on two channels at once, then the last payload on the first of them.
    private func publish(_ range: Range<Int>, last: String, to database: String) async throws {
        try await withThrowingTaskGroup { group in
            for channel in ["a", "orders.eu"] {
                let statements = range.map { "SELECT pg_notify('\(channel)', '\($0)')" }.chunks(of: 3)
                group.addTask {
                    try await SQLSession(database).runEach(statements.map { $0.joined(separator: ";") })
                }
            }
            try await group.waitForAll()
        }
        try await SQLSession(database).notify("a", last)
    }

    @Test
    func `nothing is lost or comes twice while a proxy cuts the connection and the relay starts again`() async throws {
        let folder = try TemporaryFolder()
        let database = try await EphemeralPostgres.shared.get().makeDatabase()
        let settings = ["ES_CHANNELS": "a,orders.eu,*"]
        let count = 1500 * RandomTests.size
        let first = try await RelayProcess.startListening(
            database: database,
            folder: folder.path,
            environment: settings
        )
        let proxy = try await CuttingProxy(
            to: first.port,
            cutAfter: 150...20_000,
            RandomTests.generator("the Swift client's proxy")
        )
        let connections = try [["a", "orders.eu"], ["a", "orders.*"], ["*"]].map {
            try self.connection(port: proxy.port, channels: $0, from: .beginning)
        }
        let witness = try self.connection(port: first.port, channels: ["a"], from: .beginning)
        let following = connections.map { connection in
            Task { try await self.follow(connection, until: "end") }
        }
        try await self.publish(0..<count, last: "half", to: database)
        // Everything has reached the log, and the clients are anywhere.
        _ = try await self.follow(witness, until: "half")
        #expect(try await first.stop() == 0)
        let second = try await RelayProcess.startListening(
            database: database,
            folder: folder.path,
            environment: settings
        )
        proxy.redirect(to: second.port)
        try await self.publish(count..<2 * count, last: "end", to: database)
        for task in following {
            let seen = try await task.get()
            #expect(seen.payloads(of: "a").filter { Int($0) != nil } == (0..<2 * count).map(String.init))
            #expect(seen.payloads(of: "a").filter { Int($0) == nil } == ["half", "end"])
            #expect(seen.payloads(of: "orders.eu") == (0..<2 * count).map(String.init))
            let ids = seen.messages.map(\.id)
            #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 <= $1 }, "an id fell")
            // The restart, once.
            #expect(seen.gaps.map(\.reason) == [.restarted])
        }
        #expect(proxy.cuts > 20, "it has to cut to be of use: \(proxy.cuts)")
    }

    @Test
    func `several channels and patterns come in one order, and another run goes on where one was left`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "a,orders.eu,*"])
        let first = try self.connection(port: world.relay.port, channels: ["a", "orders.*"], from: .beginning)
        try await world.sql.runEach((0..<10).map { "SELECT pg_notify('\($0 % 2 == 0 ? "a" : "orders.eu")', '\($0)')" })
        let seen = try await self.follow(first, until: "4")
        #expect(seen.events.map(\.payload) == (0...4).map(String.init))
        // The last one was not followed by a question, so it is not handled.
        #expect(first.position == .after(seen.events[3].id))
        let saved = "\(first.position)"
        first.close()
        let second = try self.connection(
            port: world.relay.port,
            channels: ["a", "orders.*"],
            from: try #require(Position(saved)),
            log: first.log
        )
        let rest = try await self.follow(second, until: "9")
        #expect(rest.events.map(\.payload) == (4...9).map(String.init) && rest.gaps.isEmpty)
        second.close()
        // Of another log.
        let third = try self.connection(
            port: world.relay.port,
            channels: ["a"],
            from: try #require(Position(saved)),
            log: "another"
        )
        let gap = try await third.messages.first { _ in true }
        guard case .gap(let gap) = gap, gap.reason == .replaced else {
            Issue.record("\(String(describing: gap))")
            return
        }
    }

    @Test
    func `a channel that joins under traffic misses nothing from there on`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "a,b"])
        let connection = try self.connection(port: world.relay.port, channels: ["a"])
        let traffic = Traffic(channel: "b", publishers: 3, eventsEach: 1000)
        let joined = Inbox<Void>()
        let following = Task {
            var numbers: [Int: [Int]] = [:]
            for try await message in connection.messages {
                // The loop itself asks.
                if case .live = message {
                    try await connection.subscribe("b")
                    joined.put(())
                }
                guard case .event(let event) = message else { continue }
                if event.payload == Traffic.endMarker { break }
                guard let (publisher, number) = Traffic.number(of: event.payload) else { continue }
                numbers[publisher, default: []].append(number)
            }
            return numbers
        }
        try await withThrowingTaskGroup { group in
            for publisher in 0..<2 {
                group.addTask { try await SQLSession(world.database).runEach(traffic.statements(of: publisher)) }
            }
            _ = try await joined.next()
            // The last one begins when the channel has joined.
            try await SQLSession(world.database).runEach(traffic.statements(of: 2))
            try await group.waitForAll()
        }
        try await world.sql.notify("b", Traffic.endMarker)
        let seen = try await following.get()
        #expect(seen[2] == Array(0..<traffic.eventsEach))
        for numbers in seen.values {
            #expect(numbers == Array((numbers.first ?? 0)..<traffic.eventsEach))
        }
        try await connection.unsubscribe("b")
        try await world.sql.notify("b", "unheard")
        try await world.sql.notify("a", "heard")
        let rest = try await self.follow(connection, until: "heard")
        #expect(rest.payloads(of: "b") == [])
        await #expect(throws: InvalidArgument.self) { try await connection.unsubscribe("a") }
        let refused = await #expect(throws: Refused.self) { try await connection.subscribe("secret") }
        #expect(refused?.status == 403)
    }

    @Test
    func `who takes messages slowly holds few of them, and gets all`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "slow"])
        let slow = try self.connection(port: world.relay.port, channels: ["slow"])
        let healthy = try self.connection(port: world.relay.port, channels: ["slow"])
        var iterator = slow.messages.makeAsyncIterator()
        guard case .live = try await iterator.next() else { throw TimedOut(.zero) }
        let witness = Task { try await self.follow(healthy, until: "end") }
        for await state in healthy.states { if case .live = state { break } }
        // Far more than the sockets and the relay's buffer hold.
        let count = 4000
        let padding = String(repeating: "x", count: 4000)
        try await world.sql.runEach((0..<count).map { "SELECT pg_notify('slow', '\($0):\(padding)')" })
        try await world.sql.notify("slow", "end")
        #expect(try await witness.get().events.count == count + 1)
        // It was not read for meanwhile: what waits is what the limits allow, and one read of the socket.
        let limits = MessageQueue.Limits()
        #expect(slow.waiting > 0 && slow.waiting * 4000 < 2 * limits.bytes)
        for number in 0..<count {
            guard case .event(let event) = try await iterator.next() else { throw TimedOut(.zero) }
            #expect(event.payload.hasPrefix("\(number):"))
        }
        guard case .event(let last) = try await iterator.next() else { throw TimedOut(.zero) }
        #expect(last.payload == "end")
    }

    @Test
    func `refusals are told with the relay's sentence`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "a"])
        let connection = try self.connection(port: world.relay.port, channels: ["a", "secret"])
        let refused = await #expect(throws: Refused.self) { try await self.follow(connection, until: "") }
        #expect(refused == Refused(status: 403, detail: "requested channel 'secret' is not allowed"))
    }

    @Test
    func `a token that ends is followed by the next one, and one that does not count is the end`() async throws {
        let signer = try await TestSigner(.hs256)
        let world = try await World(
            environment: ["ES_CHANNELS": "a", "ES_TOKENSECRET": signer.secret, "ES_TOKENLEEWAY": "0s"]
        )
        let asked = Mutex(0)
        let connection = try self.connection(
            port: world.relay.port,
            channels: ["a"],
            token: {
                let count = asked.withLock { count in
                    count += 1
                    return count
                }
                // Long enough to be used on a busy machine, then longer than the test, then what doesn't count.
                let end = Int(Date().timeIntervalSince1970) + (count == 1 ? 10 : 3600)
                return count < 3 ? try await signer.token(#"{"channels":["a"],"exp":\#(end)}"#) : "nonsense"
            }
        )
        var lives = 0
        for try await message in connection.messages {
            guard case .live = message else { continue }
            lives += 1
            if lives == 2 { break }
        }
        try await world.sql.notify("a", "heard")
        #expect(try await self.follow(connection, until: "heard").gaps.isEmpty)
        #expect(asked.withLock { $0 } == 2)
        connection.reconnect()
        let refused = await #expect(throws: Refused.self) { try await self.follow(connection, until: "") }
        #expect(refused?.status == 401)
    }

    @Test
    func `it speaks TLS to a relay whose authority it trusts, and to no other`() async throws {
        let folder = try TemporaryFolder()
        let authority = try await TestAuthority()
        try await authority.issue("relay", in: folder)
        let database = try await EphemeralPostgres.shared.get().makeDatabase()
        let relay = try await RelayProcess.start(
            database: database,
            folder: folder.path,
            environment: [
                "ES_HTTPPORT": "off", "ES_HTTPSPORT": "0", "ES_TLSSERVERCERTIFICATEFILE": folder.file("relay.pem"),
                "ES_TLSSERVERPRIVATEKEYFILE": folder.file("relay.key"),
            ],
            serves: "HTTPS is served"
        )
        try await relay.waitForLog("listening to PostgreSQL")
        for host in ["localhost", "127.0.0.1"] {
            let connection = try RelayConnection(
                "https://\(host):\(relay.port)",
                channels: ["a"],
                tls: authority.clientConfiguration
            )
            _ = try await connection.messages.first { _ in true }
            try await SQLSession(database).notify("a", "secret")
            #expect(try await self.follow(connection, until: "secret").events.count == 1)
        }
        let stranger = try RelayConnection("wss://localhost:\(relay.port)", channels: ["a"])
        let taken = Task { try await stranger.messages.first { _ in true } }
        for await state in stranger.states {
            guard case .waiting(_, let loss) = state else { continue }
            #expect("\(loss)".contains("CERTIFICATE_VERIFY_FAILED"))
            stranger.close()
        }
        #expect(try await taken.get() == nil)
    }

    @Test
    func `a cancelled task leaves no client behind`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "a"])
        let connection = try self.connection(port: world.relay.port, channels: ["a"])
        let taken = Task { try await self.follow(connection, until: "never") }
        for await state in connection.states { if case .live = state { break } }
        taken.cancel()
        #expect(try await taken.get().gaps.isEmpty)
        let line = try await world.relay.waitForLog("WebSocket ended")
        #expect(line.contains("code=1000") && line.contains("ended-by=client"))
    }
}
