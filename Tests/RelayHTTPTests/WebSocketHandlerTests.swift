import NIOCore
import NIOEmbedded
import NIOWebSocket
import RelayCore
import RelayHTTP
import RelayTestSupport
import Testing

struct WebSocketHandlerTests {
    private static let interval = TimeAmount.seconds(Int64(LoopHub.pingRounds))

    @Test
    func `a client that vanished without a word is cut when the third ping is due`() throws {
        let subscriber = try SubscriberUnderTest()
        subscriber.loop.advanceTime(by: Self.interval * 3 - .seconds(1))
        #expect(try subscriber.sent().map(\.opcode) == [.ping, .ping])
        #expect(subscriber.channel.isActive)
        subscriber.loop.advanceTime(by: .seconds(2))
        #expect(!subscriber.channel.isActive)
    }

    @Test
    func `its way is told from the first phase to the last, and how it ended`() throws {
        let subscriber = try SubscriberUnderTest()
        subscriber.receive(WebSocketTestClient.frame(0x8, [0x0F, 0xA0]))
        subscriber.loop.run()
        let phases = subscriber.observer.observations.compactMap { observation -> String? in
            guard case .subscriberMoved(.raw, let from, let to) = observation else { return nil }
            return "\(from) \(to)"
        }
        #expect(phases == ["closed replaying", "replaying live", "live closed"])
        let ends = subscriber.observer.observations.compactMap { observation -> FinishedSubscriber? in
            if case .subscriberLeft(let end) = observation { end } else { nil }
        }
        #expect(ends.map(\.side) == [.client] && ends.map(\.code) == [4000])
        #expect(ends.map(\.events) == [0] && ends.map(\.selection) == [ChannelSelection("people")])
    }

    @Test
    func `whoever sends any frame is there`() throws {
        let subscriber = try SubscriberUnderTest()
        for opcode: UInt8 in [0xA, 0x1, 0x9, 0xA] {
            subscriber.loop.advanceTime(by: Self.interval * 2)
            subscriber.receive(WebSocketTestClient.frame(opcode, []))
        }
        #expect(subscriber.channel.isActive)
    }

    @Test
    func `whoever takes data is there, although its answers wait behind it`() throws {
        let subscriber = try SubscriberUnderTest()
        for _ in 0..<4 {
            subscriber.setWritable(false)
            subscriber.loop.advanceTime(by: Self.interval * 2)
            subscriber.setWritable(true)
        }
        #expect(subscriber.channel.isActive)
        subscriber.setWritable(false)
        subscriber.loop.advanceTime(by: Self.interval * 4)
        #expect(!subscriber.channel.isActive)
    }

    @Test
    func `whoever takes some of a full buffer is there, and whoever takes none is cut`() throws {
        let subscriber = try SubscriberUnderTest()
        subscriber.setWritable(false)
        subscriber.socket.isFull = true
        for _ in 0..<6 {
            subscriber.loop.advanceTime(by: Self.interval)
            // Something leaves, and the buffer stays full.
            subscriber.socket.isFull = false
            subscriber.channel.flush()
            subscriber.socket.isFull = true
        }
        #expect(subscriber.channel.isActive)
        subscriber.loop.advanceTime(by: Self.interval * 4)
        #expect(!subscriber.channel.isActive)
    }

    @Test
    func `nothing piles up for a client that pings without reading`() throws {
        let subscriber = try SubscriberUnderTest()
        let ping = WebSocketTestClient.frame(0x9, Array("?".utf8))
        subscriber.receive(ping)
        #expect(try subscriber.sent().map(\.opcode) == [.pong])
        subscriber.setWritable(false)
        for _ in 0..<10_000 { subscriber.receive(ping) }
        #expect(try subscriber.sent().isEmpty)
    }

    @Test
    func `the latest of the pings that came while nothing could be sent is answered`() throws {
        let subscriber = try SubscriberUnderTest()
        subscriber.setWritable(false)
        for text in ["first", "second", "last"] {
            subscriber.receive(WebSocketTestClient.frame(0x9, Array(text.utf8)))
        }
        subscriber.setWritable(true)
        subscriber.setWritable(true)
        let sent = try subscriber.sent()
        #expect(sent.map(\.opcode) == [.pong])
        #expect(sent.first?.data == ByteBuffer(string: "last"))
    }

    private static let broken: [(ByteBuffer, UInt16)] = [
        (WebSocketTestClient.frame(0x9, [], isFinal: false), 1002),
        (WebSocketTestClient.frame(0x9, Array(repeating: 0, count: 126)), 1002),
        (WebSocketTestClient.frame(0x1, Array(repeating: 65, count: WebSocketHandler.maximumMessageBytes + 1)), 1009),
        (WebSocketTestClient.frame(0x1, [], isMasked: false), 1002), (WebSocketTestClient.frame(0x3, []), 1002),
        (WebSocketTestClient.frame(0x41, []), 1002), (WebSocketTestClient.frame(0x1, [0xFF]), 1007),
        (WebSocketTestClient.frame(0x8, [0x03, 0xED]), 1002), (WebSocketTestClient.frame(0x8, [0x0B, 0xB8]), 3000),
        (WebSocketTestClient.frame(0x8, []), 1000),
    ]

    @Test(arguments: Self.broken)
    func `each broken rule and each close has its code, once, and then the connection ends`(
        bytes: ByteBuffer,
        code: UInt16
    ) throws {
        let subscriber = try SubscriberUnderTest()
        subscriber.receive(bytes)
        subscriber.receive(WebSocketTestClient.frame(0x9, []))
        subscriber.receive(bytes)
        #expect(try subscriber.sent().map(\.closeCode) == [code])
        subscriber.loop.advanceTime(by: Subscriber.closeTimeout)
        #expect(!subscriber.channel.isActive)
    }
}
