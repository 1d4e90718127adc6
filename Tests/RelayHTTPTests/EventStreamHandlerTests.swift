import NIOCore
import NIOEmbedded
import RelayCore
import RelayHTTP
import RelayTestSupport
import Testing

/// An event stream on a loop whose time stands still until the test moves it.
final class EventStreamHandlerTests {
    private let loop = EmbeddedEventLoop()
    private let channel: EmbeddedChannel
    private let hub: LoopHub
    private let socket = FullSocket()
    private let observer = RecordingObserver()
    private var parser = EventStreamParser()

    private static let interval = TimeAmount.seconds(Int64(LoopHub.pingRounds))

    init() throws {
        self.hub = LoopHub(eventLoop: self.loop, head: 1, observer: self.observer)
        let subscriber = Subscriber(
            subscription: Subscription(ChannelSelection("people"), kind: .eventStream, resumePoint: nil),
            hub: self.hub,
            pages: ReplayPages(log: MemoryEventLog(clock: ManualClock().serverClock), observer: self.observer),
            observer: self.observer,
            drainWindow: { .zero },
            whenClosed: { _ in }
        )
        self.channel = EmbeddedChannel(loop: self.loop)
        let handler = EventStreamHandler(subscriber)
        try self.channel.pipeline.syncOperations.addHandlers([self.socket, handler])
        try self.channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    deinit {
        _ = try? self.channel.finish(acceptAlreadyClosed: true)
    }

    /// What it has sent since.
    private func sent() throws -> String {
        var text = ""
        while let bytes = try self.channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: bytes) }
        return text
    }

    private func events() throws -> [EventStreamParser.Event] { self.parser.read(Array(try self.sent().utf8)) }

    private func fanOut(bytes: Int) {
        let (after, id) = (self.hub.head, self.hub.head.next)
        let payload = Payload([UInt8](repeating: 120, count: bytes))
        let event = Event(id: id, channel: "people", time: Timestamp(microseconds: id.rawValue), payload: payload)
        self.hub.fanOut(
            FrameBatch(AppendedBatch(after: after, last: id, entries: [.event(event)], evictedThrough: .zero))
        )
    }

    private func setFull(_ isFull: Bool) {
        self.socket.isFull = isFull
        self.channel.isWritable = !isFull
        if !isFull { self.channel.flush() }
        self.channel.pipeline.fireChannelWritabilityChanged()
    }

    private var ends: [FinishedSubscriber] {
        self.observer.observations.compactMap { if case .subscriberLeft(let end) = $0 { end } else { nil } }
    }

    @Test
    func `it begins with the time after which to come back, then says where it is`() throws {
        let text = try self.sent()
        #expect(text.hasPrefix("retry: "))
        #expect(self.parser.read(Array(text.utf8)).map(\.type) == ["live"])
        #expect((1000...3000).contains(try #require(self.parser.retry)))
    }

    @Test
    func `a quiet stream carries a comment in each interval, and goes on for ever`() throws {
        _ = try self.sent()
        for _ in 0..<10 {
            self.loop.advanceTime(by: Self.interval)
            #expect(try self.sent() == ":\n\n")
        }
        #expect(self.channel.isActive)
        self.fanOut(bytes: 3)
        #expect(try self.events().map(\.id) == ["2"])
    }

    @Test
    func `a reader that takes nothing for two intervals is cut, one that takes something is not`() throws {
        self.socket.isFull = true
        for _ in 0..<6 {
            self.fanOut(bytes: 1000)
            self.loop.advanceTime(by: Self.interval)
            // Something leaves.
            self.socket.isFull = false
            self.channel.flush()
            self.socket.isFull = true
        }
        #expect(self.channel.isActive)
        #expect(try self.events().map(\.id) == (1...7).map { "\($0)" })
        self.fanOut(bytes: 1000)
        self.loop.advanceTime(by: Self.interval * 2)
        #expect(self.channel.isActive)
        self.loop.advanceTime(by: Self.interval)
        #expect(!self.channel.isActive)
        #expect(self.ends.map(\.reason) == ["took no data"] && self.ends.map(\.side) == [.nobody])
    }

    @Test
    func `a reader that was full gets what it missed once it takes data again`() throws {
        self.setFull(true)
        self.fanOut(bytes: 1000)
        self.fanOut(bytes: 1000)
        #expect(try self.events().map(\.id) == ["1"])
        self.setFull(false)
        self.loop.run()
        #expect(try self.events().map(\.id) == ["2", "3"])
    }

    @Test
    func `what a client sends behind its request is ignored`() throws {
        _ = try self.sent()
        try self.channel.writeInbound(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"))
        #expect(try self.sent().isEmpty && self.channel.isActive)
        #expect(try self.channel.readInbound(as: ByteBuffer.self) == nil)
    }

    @Test
    func `a shutdown says why, and ends the stream`() throws {
        _ = try self.sent()
        self.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        self.loop.advanceTime(by: .milliseconds(1))
        #expect(try self.sent() == ": shutting down, come back\n\n")
        #expect(!self.channel.isActive)
        #expect(self.ends.map(\.side) == [.relay] && self.ends.map(\.code) == [nil])
    }

    @Test
    func `a reader that takes nothing is cut at a shutdown all the same`() throws {
        self.setFull(true)
        self.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        self.loop.advanceTime(by: .milliseconds(1))
        #expect(self.channel.isActive)
        self.loop.advanceTime(by: Subscriber.closeTimeout)
        #expect(!self.channel.isActive)
    }

    @Test
    func `a client that goes away has closed, and an error is none of its doing`() throws {
        self.channel.close(promise: nil)
        self.loop.run()
        #expect(self.ends.map(\.side) == [.client])
        let other = try EventStreamHandlerTests()
        other.channel.pipeline.fireErrorCaught(ChannelError.ioOnClosedChannel)
        other.loop.run()
        #expect(!other.channel.isActive && other.ends.map(\.side) == [.nobody])
    }
}
