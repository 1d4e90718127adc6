import NIOCore
import NIOEmbedded
import NIOWebSocket
import RelayClient
import Synchronization
import Testing

/// An open WebSocket on a loop whose time stands still until the test moves it.
final class SocketHandlerTests {
    /// Keeps what it is given, and answers as it was told.
    private final class Owner: SocketOwner {
        let received = Mutex<[[SizedMessage]]>([])
        let answers = Mutex<[SocketCommand]>([])

        func isWanted(_ attempt: Int) -> Bool { true }

        func connecting(_ channel: any Channel, attempt: Int) -> Bool { true }

        func opened(_ channel: any Channel, attempt: Int) -> [SocketCommand] { [] }

        func received(_ messages: [SizedMessage], attempt: Int) -> [SocketCommand] {
            self.received.withLock { $0.append(messages) }
            return self.answers.withLock { answers in
                defer { answers = [] }
                return answers
            }
        }
    }

    /// Counts how often the channel reads.
    private final class ReadCounter: ChannelOutboundHandler {
        typealias OutboundIn = WebSocketFrame

        var count = 0

        func read(context: ChannelHandlerContext) {
            self.count += 1
            context.read()
        }
    }

    private let loop = EmbeddedEventLoop()
    private let channel: EmbeddedChannel
    private let owner = Owner()
    private let reads = ReadCounter()
    private let ended: EventLoopFuture<Loss>

    init() throws {
        self.channel = EmbeddedChannel(loop: self.loop)
        let ended = self.loop.makePromise(of: Loss.self)
        self.ended = ended.futureResult
        let handler = SocketHandler(for: self.owner, attempt: 1, ended: ended, at: self.loop.now)
        try self.channel.pipeline.syncOperations.addHandlers([self.reads, handler])
        try self.channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        self.loop.run()
    }

    deinit {
        _ = try? self.channel.finish(acceptAlreadyClosed: true)
    }

    private func comes(_ opcode: WebSocketOpcode, _ text: String = "") throws {
        try self.channel.writeInbound(WebSocketFrame(fin: true, opcode: opcode, data: ByteBuffer(string: text)))
    }

    private func live(_ id: Int) -> String { #"{"type":"live","id":\#(id),"log":"x"}"# }

    private func sent() throws -> [WebSocketFrame] {
        var frames: [WebSocketFrame] = []
        while let frame = try self.channel.readOutbound(as: WebSocketFrame.self) { frames.append(frame) }
        return frames
    }

    private func loss() throws -> Loss {
        self.loop.run()
        #expect(!self.channel.isActive)
        return try self.ended.wait()
    }

    private var ids: [[Int64?]] {
        self.owner.received.withLock { batches in
            batches.map { batch in
                batch.map { if case .message(let message) = $0.message { message.id } else { nil } }
            }
        }
    }

    @Test
    func `messages go to the owner, all of one read at once`() throws {
        for id in 1...3 {
            let frame = WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: self.live(id)))
            self.channel.pipeline.fireChannelRead(frame)
        }
        #expect(self.ids == [])
        self.channel.pipeline.fireChannelReadComplete()
        #expect(self.ids == [[1, 2, 3]])
        try self.comes(.text, self.live(4))
        #expect(self.ids == [[1, 2, 3], [4]])
    }

    @Test
    func `a ping is answered with its payload, masked`() throws {
        try self.comes(.ping, "p")
        let pong = try #require(try self.sent().first)
        #expect(pong.opcode == .pong && pong.maskKey != nil)
        #expect(pong.data == ByteBuffer(string: "p"))
    }

    @Test
    func `who pings without reading gets the answer to the latest ping, when there is room`() throws {
        self.channel.isWritable = false
        for number in 1...100 { try self.comes(.ping, "\(number)") }
        #expect(try self.sent().isEmpty)
        self.channel.isWritable = true
        self.channel.pipeline.fireChannelWritabilityChanged()
        self.channel.pipeline.fireChannelWritabilityChanged()
        #expect(try self.sent().map(\.data) == [ByteBuffer(string: "100")])
    }

    @Test
    func `who reads a little now and then says that it lives as well`() throws {
        var pongs = 0
        for id in 1...12 {
            self.owner.answers.withLock { $0 = [.pause] }
            try self.comes(.text, self.live(id))
            self.loop.advanceTime(by: .seconds(10))
            pongs += try self.sent().count
            self.channel.triggerUserOutboundEvent(SocketCommand.readOn, promise: nil)
        }
        // Of 120 s.
        #expect(pongs == 4)
    }

    @Test
    func `silence of 75 s is the end, a ping in between is none`() throws {
        self.loop.advanceTime(by: .seconds(60))
        try self.comes(.ping)
        self.loop.advanceTime(by: .seconds(74))
        #expect(self.channel.isActive)
        self.loop.advanceTime(by: .seconds(15))
        #expect(try self.loss() == .silent)
    }

    @Test
    func `who doesn't read is not read for, says that it lives, and takes no silence for an end`() throws {
        self.owner.answers.withLock { $0 = [.pause] }
        try self.comes(.text, self.live(1))
        let before = self.reads.count
        self.channel.read()
        #expect(self.reads.count == before)
        for _ in 0..<4 {
            self.loop.advanceTime(by: .seconds(30))
            #expect(try self.sent().map(\.opcode) == [.pong])
        }
        self.channel.triggerUserOutboundEvent(SocketCommand.readOn, promise: nil)
        #expect(self.reads.count == before + 1)
        self.channel.read()
        #expect(self.reads.count == before + 2)
        self.loop.advanceTime(by: .seconds(74))
        #expect(self.channel.isActive)
        #expect(try self.sent().isEmpty)
        self.loop.advanceTime(by: .seconds(15))
        #expect(try self.loss() == .silent)
    }

    @Test
    func `a close is answered with its code`() throws {
        try self.channel.writeInbound(
            WebSocketFrame(fin: true, opcode: .connectionClose, data: ByteBuffer(bytes: [3, 233, 97]))
        )
        #expect(try self.sent().map(\.opcode) == [.connectionClose])
        #expect(try self.loss() == .closed(code: 1001, reason: "a"))
    }

    @Test(arguments: ["hello", "{", #"{"type":"live","id":-1,"log":"x"}"#])
    func `what is no message ends the connection, and what came before it counts`(text: String) throws {
        let frames = [self.live(1), text, self.live(2)].map {
            WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: $0))
        }
        for frame in frames { self.channel.pipeline.fireChannelRead(frame) }
        self.channel.pipeline.fireChannelReadComplete()
        #expect(self.ids == [[1]])
        guard case .unintelligible = try self.loss() else {
            Issue.record("ended for another reason")
            return
        }
    }

    @Test
    func `requests are sent, and a goodbye is said`() throws {
        let request = ChannelRequests.Request(number: 1, kind: .subscribe, channels: ["b"])
        self.channel.triggerUserOutboundEvent(SocketCommand.send(request), promise: nil)
        self.channel.triggerUserOutboundEvent(SocketCommand.close, promise: nil)
        #expect(try self.sent().map(\.opcode) == [.text, .connectionClose])
        #expect(try self.loss() == .asked)
    }

    @Test
    func `an end by the network is told, with what came before it`() throws {
        let frame = WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: self.live(1)))
        self.channel.pipeline.fireChannelRead(frame)
        self.channel.pipeline.fireErrorCaught(ChannelError.inputClosed)
        #expect(self.ids == [[1]])
        #expect(try self.loss() == .failed(ChannelError.inputClosed))
    }
}
