import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import RelayTestSupport

/// A server that answers each handshake, and says on each WebSocket, what a test tells it to, right or wrong.
final class ScriptedRelay: Sendable {
    private let listener: any Channel
    private let peers = Inbox<Peer>()

    init() async throws {
        let peers = self.peers
        self.listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(HandshakeReader(peers))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get(within: .patience)
    }

    deinit {
        self.listener.close(promise: nil)
    }

    var url: String { "ws://127.0.0.1:\(self.listener.localAddress?.port ?? 0)/base" }

    /// The next that has asked for a WebSocket.
    func peer() async throws -> Peer { try await self.peers.next()! }

    /// The next, let in.
    func accepted() async throws -> Peer {
        let peer = try await self.peer()
        try await peer.accept()
        return peer
    }
}

/// One connection of a client.
final class Peer: Sendable {
    struct Frame: Sendable, Equatable {
        let opcode: WebSocketOpcode
        let text: String
    }

    let head: HTTPRequestHead
    private let channel: any Channel
    private let frames = Inbox<Frame>()

    fileprivate init(_ head: HTTPRequestHead, _ channel: any Channel) {
        self.head = head
        self.channel = channel
        // Also where it is never let in.
        channel.closeFuture.whenComplete { [frames] _ in frames.finish() }
    }

    var target: String { self.head.uri }

    /// Lets it in.
    /// - Parameter texts: messages in the same write.
    func accept(with texts: [String] = []) async throws {
        let upgrader = NIOWebSocketServerUpgrader(
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() }
        )
        let (channel, head, frames) = (self.channel, self.head, self.frames)
        let headers = try await upgrader.buildUpgradeResponse(
            channel: channel,
            upgradeRequest: head,
            initialResponseHeaders: [:]
        ).get(within: .patience)
        var answer = ByteBuffer(string: "HTTP/1.1 101 Switching Protocols\r\n")
        for (name, value) in headers { answer.writeString("\(name): \(value)\r\n") }
        answer.writeString("\r\n")
        for text in texts { answer.writeImmutableBuffer(Self.frame(text)) }
        let bytes = answer
        try await channel.eventLoop.submit {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: 1 << 20)))
            try pipeline.addHandler(FrameReader(frames))
            channel.writeAndFlush(bytes, promise: nil)
        }.get(within: .patience)
    }

    /// Answers with these bytes, and closes.
    func answer(_ text: String) async throws {
        try await self.send(ByteBuffer(string: text))
        await self.cut()
    }

    /// Refuses as the relay does.
    func refuse(_ status: Int, _ detail: String, headers: String = "") async throws {
        let body = #"{"title":"x","status":\#(status),"detail":"\#(detail)"}"#
        try await self.answer(
            "HTTP/1.1 \(status) x\r\nContent-Type: application/problem+json\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
        )
    }

    static func frame(_ text: String, _ opcode: UInt8 = 0x1) -> ByteBuffer {
        WebSocketTestClient.frame(opcode, Array(text.utf8), isMasked: false)
    }

    func send(_ bytes: ByteBuffer) async throws {
        try await self.channel.writeAndFlush(bytes).get(within: .patience)
    }

    func send(_ texts: String...) async throws {
        for text in texts { try await self.send(Self.frame(text)) }
    }

    /// The next frame of the client; nil at the end of the connection.
    func next() async throws -> Frame? { try await self.frames.next() }

    /// The next text.
    func text() async throws -> String? {
        while let frame = try await self.next() {
            if frame.opcode == .text { return frame.text }
        }
        return nil
    }

    /// Returns when the client has ended the connection.
    func whenEnded() async throws {
        while try await self.next() != nil {}
    }

    func cut() async {
        try? await self.channel.close().get(within: .patience)
    }
}

/// Reads a request, and leaves the rest to who answers.
private final class HandshakeReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let peers: Inbox<Peer>
    private var request = ByteBuffer()
    private var isRead = false

    init(_ peers: Inbox<Peer>) {
        self.peers = peers
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if self.isRead { return context.fireChannelRead(data) }
        self.request.writeImmutableBuffer(self.unwrapInboundIn(data))
        let text = String(buffer: self.request)
        guard text.hasSuffix("\r\n\r\n") else { return }
        self.isRead = true
        var lines = text.split(separator: "\r\n")
        let first = lines.removeFirst().split(separator: " ")
        let headers = lines.map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (String(parts[0]), String(parts[1].drop { $0 == " " }))
        }
        let head = HTTPRequestHead(
            version: .http1_1,
            method: .GET,
            uri: String(first[1]),
            headers: HTTPHeaders(headers)
        )
        self.peers.put(Peer(head, context.channel))
    }
}

private final class FrameReader: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame

    private let frames: Inbox<Peer.Frame>

    init(_ frames: Inbox<Peer.Frame>) {
        self.frames = frames
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = self.unwrapInboundIn(data)
        self.frames.put(Peer.Frame(opcode: frame.opcode, text: String(buffer: frame.unmaskedData)))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
