import NIOCore
import NIOHTTP1
import NIOWebSocket
import RelayClient
import RelayTestSupport
import Synchronization
import Testing

/// The client against a server that says what the test wants.
@Suite(.timeLimit(.minutes(1)))
struct RelayConnectionTests {
    /// Comes back nearly at once.
    private static let soon = RetryPolicy(first: .milliseconds(1), cap: .milliseconds(2))

    private func connection(
        _ relay: ScriptedRelay,
        channels: [String] = ["a"],
        from start: Cursor = Cursor(position: .latest),
        token: (@Sendable () async throws -> String)? = nil,
        policy: RetryPolicy = soon,
        limits: MessageQueue.Limits = MessageQueue.Limits(),
        clock: any Clock<Duration> = ContinuousClock()
    ) throws -> RelayConnection {
        try RelayConnection(
            relay.url,
            channels: channels,
            from: start,
            token: token,
            policy: policy,
            limits: limits,
            clock: clock
        )
    }

    private static func event(_ id: Int64, channel: String = "a", _ payload: String = "") -> String {
        #"{"type":"event","id":\#(id),"channel":"\#(channel)","time":"t","payload":"\#(payload)"}"#
    }

    private static func live(_ id: Int64, log: String = "x") -> String {
        #"{"type":"live","id":\#(id),"log":"\#(log)"}"#
    }

    /// Takes so many messages in the background.
    private func take(_ count: Int, of connection: RelayConnection) -> Task<[Int64], any Error> {
        Task {
            var ids: [Int64] = []
            for try await message in connection.messages.prefix(count) { ids.append(message.id) }
            return ids
        }
    }

    @Test
    func `it asks for its channels, and comes back after the last message, whatever its type`() async throws {
        let relay = try await ScriptedRelay()
        let connection = try self.connection(relay, channels: ["people", "orders.*"])
        var iterator = connection.messages.makeAsyncIterator()
        func ids(_ count: Int) async throws -> [Int64] {
            var ids: [Int64] = []
            for _ in 0..<count { ids.append(try #require(try await iterator.next()).id) }
            return ids
        }
        // Begins with the first question.
        let first = self.take(1, of: connection)
        let peer = try await relay.accepted()
        #expect(peer.target == "/base/listen?channel=people&channel=orders.%2A&last-seen-id=latest")
        #expect("ws://\(peer.head.headers.first(name: "Host") ?? "")/base" == relay.url)
        try await peer.send(Self.live(7), Self.event(8))
        #expect(try await first.get() == [7])
        #expect(try await ids(1) == [8])
        await peer.cut()
        let second = try await relay.accepted()
        #expect(second.target.hasSuffix("&last-seen-id=8&log=x"))
        try await second.send(
            #"{"type":"gap","id":3,"channel":null,"after":2,"before":9,"lost":null,"reason":"ahead"}"#,
            #"{"type":"weather","id":4}"#,
            Self.event(5),
            #"{"type":"weather","id":6}"#
        )
        #expect(try await ids(2) == [3, 5])
        // It has heard the ping, and so what was before it.
        try await second.send(Peer.frame("", 0x9))
        #expect(try await second.next()?.opcode == .pong)
        await second.cut()
        let third = try await relay.accepted()
        #expect(third.target.hasSuffix("&last-seen-id=6&log=x"))
        try await third.send(Self.event(7), Self.live(7, log: "y"), Self.event(8))
        #expect(try await ids(2) == [7, 7])
        #expect(connection.position == .after(7) && connection.log == "x")
        #expect(try await ids(1) == [8])
        #expect(connection.position == .after(7) && connection.log == "y")
    }

    @Test
    func `messages that come in one piece with the answer are not lost`() async throws {
        let relay = try await ScriptedRelay()
        let connection = try self.connection(relay, from: Cursor(position: .beginning))
        let taken = self.take(3, of: connection)
        try await relay.peer().accept(with: [Self.event(1), Self.event(2), Self.live(2)])
        #expect(try await taken.get() == [1, 2, 2])
    }

    @Test(arguments: [401, 403, 414])
    func `a refusal ends it with the relay's sentence`(status: Int) async throws {
        let relay = try await ScriptedRelay()
        let connection = try self.connection(relay)
        let taken = self.take(1, of: connection)
        try await relay.peer().refuse(status, "not for you")
        let refused = await #expect(throws: Refused.self) { try await taken.get() }
        #expect(refused == Refused(status: status, detail: "not for you"))
        guard case .refused = connection.state else {
            Issue.record("\(connection.state)")
            return
        }
        await #expect(throws: Refused.self) { try await connection.subscribe("b") }
    }

    @Test
    func `who is told when to come back waits for it`() async throws {
        let relay = try await ScriptedRelay()
        let clock = ManualClock()
        let connection = try self.connection(relay, clock: clock)
        let taken = self.take(1, of: connection)
        try await relay.peer().refuse(503, "full", headers: "Retry-After: 60\r\n")
        try await clock.whenSleeping(1)
        guard case .waiting(.seconds(60), let loss) = connection.state else {
            Issue.record("\(connection.state)")
            return
        }
        #expect("\(loss)".contains("full"))
        clock.advance(by: .seconds(60))
        try await relay.accepted().send(Self.live(1))
        #expect(try await taken.get() == [1])
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 500 x\r\n\r\n", "HTTP/1.1 404 x\r\n\r\nnobody",
        "hello\r\n\r\n", "",
        "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
        "HTTP/1.1 101 x\r\n\r\n", "HTTP/1.1 429 x\r\nRetry-After: -1\r\n\r\n",
        "HTTP/1.1 302 x\r\nLocation: /\r\nContent-Length: 100000\r\n\r\n",
    ])
    func `after an answer that is none it asks again`(answer: String) async throws {
        let relay = try await ScriptedRelay()
        let connection = try self.connection(relay)
        let taken = self.take(1, of: connection)
        try await relay.peer().answer(answer)
        try await relay.accepted().send(Self.live(1))
        #expect(try await taken.get() == [1])
    }

    @Test
    func `after what is not the protocol another connection is opened, and nothing ends the program`() async throws {
        let relay = try await ScriptedRelay()
        let connection = try self.connection(relay, from: Cursor(position: .beginning))
        let taken = self.take(2, of: connection)
        let garbage = [
            Peer.frame("x"), Peer.frame("{}"), Peer.frame("x", 0x2), Peer.frame("x", 0x3), Peer.frame("x", 0x0),
            WebSocketTestClient.frame(0x1, [0xff], isMasked: false), WebSocketTestClient.frame(0x1, []),
            Peer.frame(String(repeating: "x", count: 126), 0x9),
            ByteBuffer(bytes: [0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255]),
            ByteBuffer(bytes: [0x81, 127, 0, 0, 0, 0, 0, 16, 0, 1]), Peer.frame(Self.live(-1)),
            Peer.frame(#"{"type":"subscribed","id":1,"channels":[]}"#),
        ]
        for bytes in garbage {
            let peer = try await relay.accepted()
            #expect(peer.target.hasSuffix("last-seen-id=0"))
            try await peer.send(bytes)
            try await peer.whenEnded()
        }
        try await relay.accepted().send(Self.event(1), Self.live(1))
        #expect(try await taken.get() == [1, 1])
    }

    @Test
    func `frames with some bytes changed end no program, and what came before them counts`() async throws {
        let relay = try await ScriptedRelay()
        let connection = try self.connection(relay, from: Cursor(position: .beginning))
        let taken = Task {
            for try await message in connection.messages {
                if case .live(let live) = message, live.log == "the end" { break }
            }
        }
        var generator = RandomTests.generator("frames from a server")
        let answer = #"{"type":"subscribed","id":7,"channels":["a"]}"#
        let frames = [
            Peer.frame(Self.event(1_500_000, "ä")), Peer.frame("ping", 0x9), Peer.frame(Self.live(1_600_000)),
            Peer.frame(answer),
            WebSocketTestClient.frame(0x8, [0x03, 0xE8], isMasked: false),
        ]
        for round in 0..<40 * RandomTests.size {
            var bytes = frames.shuffled(using: &generator).flatMap { Array($0.readableBytesView) }
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            let peer = try await relay.accepted()
            let id = Int64(1_000_000 + round)
            try await peer.send(Self.event(id))
            try await peer.send(Peer.frame("", 0x9))
            #expect(try await peer.next()?.opcode == .pong)
            try await peer.send(ByteBuffer(bytes: bytes))
            await peer.cut()
            // After the event, or what else was understood: a place it never had would be refused for ever.
            let next = try await relay.peer()
            let place = next.target.split(separator: "last-seen-id=").last?.prefix { $0 != "&" }
            #expect(place.flatMap { Position(String($0)) } != nil && place != "0", "\(next.target)")
            await next.cut()
        }
        try await relay.accepted().send(Self.live(7, log: "the end"))
        try await taken.get()
    }

    @Test
    func `a token that does not come is given up, and one that comes too late asks for nothing`() async throws {
        let attempt = ConnectionStateMachine.Attempt(number: 1, channels: ["a"], cursor: Cursor(position: .latest))
        let session = Session(
            ConnectionStateMachine(
                try ChannelRequests(["a"]),
                from: MessageQueue(from: Cursor(position: .latest)),
                policy: .standard
            ),
            try WebSocketConnector(RelayAddress("http://a"), token: nil)
        )
        let server = try await SilentServer()
        func follow(
            within timeout: TimeAmount = WebSocketConnector.handshakeTimeout,
            _ token: @escaping @Sendable () async throws -> String
        ) async throws {
            let connector = try WebSocketConnector(
                RelayAddress("http://127.0.0.1:\(server.port)"),
                token: token,
                handshakeTimeout: timeout
            )
            _ = try await connector.follow(attempt, for: session)
        }
        // It hears of no cancellation either.
        let waiting = Mutex<CheckedContinuation<Void, Never>?>(nil)
        let error = await #expect(throws: (any Error).self) {
            try await follow(within: .milliseconds(20)) {
                await withCheckedContinuation { continuation in waiting.withLock { $0 = continuation } }
                return "late"
            }
        }
        #expect(error.map { "\($0)" } == "there was no token after 20 ms")
        waiting.withLock { $0.take() }?.resume()
        // The session has no such attempt.
        await #expect(throws: Loss.asked) { try await follow { "token" } }
    }

    @Test
    func `a token is asked for each connection, and one that can't be had is asked for again`() async throws {
        struct NoToken: Error {}
        let relay = try await ScriptedRelay()
        let asked = Mutex(0)
        let connection = try self.connection(
            relay,
            token: {
                let count = asked.withLock { count in
                    count += 1
                    return count
                }
                if count == 1 { throw NoToken() }
                return count == 2 ? "two\r\nlines" : "token-\(count)"
            }
        )
        let taken = self.take(2, of: connection)
        let first = try await relay.accepted()
        #expect(first.head.headers["Authorization"] == ["Bearer token-3"])
        try await first.send(Self.live(1))
        try await first.send(WebSocketTestClient.frame(0x8, [0x03, 0xF0], isMasked: false))
        let second = try await relay.accepted()
        #expect(second.head.headers["Authorization"] == ["Bearer token-4"])
        try await second.send(Self.live(1))
        _ = try await taken.get()
    }

    @Test
    func `channels come and go, also asked for by the loop that takes the messages`() async throws {
        let relay = try await ScriptedRelay()
        let connection = try self.connection(relay)
        let taken = Task {
            var refused: Refused?
            for try await message in connection.messages {
                switch message.id {
                case 1: try await connection.subscribe("b", "c\"")
                case 2: try await connection.unsubscribe("a")
                case 3:
                    do { try await connection.subscribe("secret") } catch let error as Refused { refused = error }
                default: return refused
                }
            }
            return nil
        }
        let peer = try await relay.accepted()
        try await peer.send(Self.event(1))
        #expect(try await peer.text() == #"{"subscribe":["b","c\""]}"#)
        try await peer.send(Self.event(2), #"{"type":"subscribed","id":2,"channels":["b","c"]}"#)
        #expect(try await peer.text() == #"{"unsubscribe":["a"]}"#)
        try await peer.send(#"{"type":"unsubscribed","id":2,"channels":["a"]}"#, Self.event(3))
        #expect(try await peer.text() == #"{"subscribe":["secret"]}"#)
        try await peer.send(
            #"{"type":"refused","id":3,"channels":["secret"],"status":403,"detail":"no"}"#,
            Self.event(4)
        )
        #expect(try await taken.get() == Refused(status: 403, detail: "no"))
        #expect(connection.channels == ["b", "c\""])
        await peer.cut()
        let back = self.take(1, of: connection)
        let second = try await relay.accepted()
        #expect(second.target.contains("?channel=b&channel=c%22&"))
        try await second.send(Self.live(5))
        _ = try await back.get()
    }

    @Test
    func `the loop may ask for channels behind more than waits at other times`() async throws {
        var limits = MessageQueue.Limits()
        limits.messages = 8
        let relay = try await ScriptedRelay()
        let connection = try self.connection(relay, from: Cursor(position: .beginning), limits: limits)
        let taken = Task {
            var ids: [Int64] = []
            for try await message in connection.messages {
                ids.append(message.id)
                if message.id == 1 { try await connection.subscribe("b") }
                if message.id == 5000 { break }
            }
            return ids
        }
        let peer = try await relay.accepted()
        // The answer lies behind many times what is read without a question.
        var bytes = ByteBuffer()
        for id in 1...5000 { bytes.writeImmutableBuffer(Peer.frame(Self.event(Int64(id)))) }
        try await peer.send(Self.event(0))
        try await peer.send(bytes)
        #expect(try await peer.text() == #"{"subscribe":["b"]}"#)
        try await peer.send(#"{"type":"subscribed","id":5000,"channels":["b"]}"#)
        #expect(try await taken.get() == (0...5000).map { $0 })
    }

    @Test
    func `a request on a connection that is lost is sent on the next`() async throws {
        let relay = try await ScriptedRelay()
        let connection = try self.connection(relay)
        let asked = Task { try await connection.subscribe("b") }
        let first = try await relay.accepted()
        #expect(try await first.text() == #"{"subscribe":["b"]}"#)
        await first.cut()
        let second = try await relay.accepted()
        #expect(!second.target.contains("channel=b"))
        #expect(try await second.text() == #"{"subscribe":["b"]}"#)
        try await second.send(#"{"type":"subscribed","id":2,"channels":["b"]}"#)
        try await asked.get()
        #expect(connection.channels == ["a", "b"])
    }

    @Test
    func `who stops waiting for an answer is told so, and the request stands`() async throws {
        let relay = try await ScriptedRelay()
        let connection = try self.connection(relay)
        let asked = Task { try await connection.subscribe("b") }
        let peer = try await relay.accepted()
        _ = try await peer.text()
        asked.cancel()
        await #expect(throws: CancellationError.self) { try await asked.get() }
        try await peer.send(#"{"type":"subscribed","id":2,"channels":["b"]}"#, Self.live(2))
        #expect(try await self.take(1, of: connection).get() == [2])
        #expect(connection.channels == ["a", "b"])
    }

    @Test
    func `the end of the task that takes the messages ends the connection`() async throws {
        let relay = try await ScriptedRelay()
        let connection = try self.connection(relay)
        let taken = self.take(.max, of: connection)
        let peer = try await relay.accepted()
        try await peer.send(Self.live(1))
        // Before it is open there is nobody to say goodbye to.
        for await state in connection.states { if case .live = state { break } }
        taken.cancel()
        _ = try await taken.get()
        #expect(try await peer.next() == Peer.Frame(opcode: .connectionClose, text: "\u{3}\u{fffd}"))
        try await peer.whenEnded()
        await #expect(throws: ConnectionClosed.self) { try await connection.subscribe("b") }
    }

    @Test
    func `a connection that nothing refers to any more is closed`() async throws {
        let relay = try await ScriptedRelay()
        let peer: Peer
        do {
            let connection = try self.connection(relay)
            let taken = self.take(1, of: connection)
            peer = try await relay.accepted()
            try await peer.send(Self.live(1))
            _ = try await taken.get()
        }
        try await peer.whenEnded()
    }

    @Test
    func `closing ends a handshake that is not answered, the wait for another, and every loop`() async throws {
        let relay = try await ScriptedRelay()
        let first = try self.connection(relay)
        let taken = self.take(1, of: first)
        let peer = try await relay.peer()
        first.close()
        first.close()
        #expect(try await taken.get() == [])
        try await peer.whenEnded()

        let clock = ManualClock()
        let second = try self.connection(relay, clock: clock)
        let waiting = self.take(1, of: second)
        await (try relay.peer()).cut()
        try await clock.whenSleeping(1)
        second.close()
        #expect(try await waiting.get() == [])
        // One that has not begun.
        let third = try self.connection(relay)
        third.close()
        #expect(try await self.take(1, of: third).get() == [])
    }

    @Test
    func `another connection at once, for who wants it`() async throws {
        let relay = try await ScriptedRelay()
        let clock = ManualClock()
        let connection = try self.connection(relay, clock: clock)
        let taken = self.take(3, of: connection)
        await (try relay.accepted()).cut()
        try await clock.whenSleeping(1)
        connection.reconnect()
        let second = try await relay.accepted()
        try await second.send(Self.live(1))
        var states = connection.states.makeAsyncIterator()
        while let state = await states.next() { if case .live = state { break } }
        connection.reconnect()
        try await second.whenEnded()
        let third = try await relay.accepted()
        #expect(third.target.hasSuffix("last-seen-id=1&log=x"))
        try await third.send(Self.event(2), Self.live(2))
        #expect(try await taken.get() == [1, 2, 2])
    }

    @Test
    func `states are told in order, to the end, to each who listens`() async throws {
        let relay = try await ScriptedRelay()
        let connection = try self.connection(relay)
        let streams = [connection.states, connection.states]
        // One that leaves takes nothing from the others.
        let left = connection.states
        let leaving = Task { for await _ in left {} }
        leaving.cancel()
        await leaving.value
        let taken = self.take(1, of: connection)
        let first = try await relay.accepted()
        try await first.send(Self.live(1))
        _ = try await taken.get()
        await first.cut()
        try await relay.peer().refuse(403, "no")
        for states in streams {
            var names: [String] = []
            for await state in states { names.append("\(state)".prefix { $0 != "(" }.description) }
            #expect(names == ["idle", "connecting", "replaying", "live", "waiting", "connecting", "refused"])
        }
        var last = connection.states.makeAsyncIterator()
        guard case .refused = await last.next() else {
            Issue.record("who comes late is told nothing")
            return
        }
        #expect(await last.next() == nil)
    }

    @Test
    func `where nobody listens it tries again`() async throws {
        let relay = try await ScriptedRelay()
        let clock = ManualClock()
        // A port that was just given up.
        let port = try await SilentServer().port
        let connection = try RelayConnection(
            "http://127.0.0.1:\(port)",
            channels: ["a"],
            from: Cursor(position: .latest),
            clock: clock
        )
        let taken = self.take(1, of: connection)
        for _ in 0..<3 {
            try await clock.whenSleeping(1)
            clock.advance(by: .seconds(30))
        }
        connection.close()
        #expect(try await taken.get() == [])
        _ = relay
    }
}
