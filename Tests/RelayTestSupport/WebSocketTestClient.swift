package import NIOCore
import NIOPosix
package import NIOSSL
import NIOWebSocket
import Synchronization

/// A WebSocket client that shows what is on the wire.
package final class WebSocketTestClient: Sendable {
    package enum Message: Sendable, Equatable {
        case text(String)
        case ping
        /// The server's close frame.
        case close(code: UInt16, reason: String)
    }

    private let channel: any Channel
    private let messages: Inbox<Message>

    private init(channel: any Channel, messages: Inbox<Message>) {
        self.channel = channel
        self.messages = messages
    }

    /// - Parameters:
    ///   - headers: lines beside the handshake's own.
    ///   - extra: bytes sent in the same write, behind the request.
    ///   - tls: for a port that speaks it.
    ///   - receive: takes each message instead of `next`, on the connection's event loop, so that no more is read than it
    ///     takes. At false the connection is cut.
    /// - Throws: `UpgradeRefused` with the server's answer, if it isn't 101.
    package static func connect(
        port: Int,
        _ target: String,
        headers: [String] = [],
        extra: ByteBuffer = ByteBuffer(),
        receiveBuffer: CInt? = nil,
        tls: NIOSSLContext? = nil,
        receive: (@Sendable (Message) -> Bool)? = nil
    ) async throws -> WebSocketTestClient {
        let messages = Inbox<Message>()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let upgraded = loop.makePromise(of: Void.self)
        var bootstrap = ClientBootstrap(group: loop)
        if let receiveBuffer {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: .init(receiveBuffer))
        }
        bootstrap = bootstrap.channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                if let tls {
                    let handler = try NIOSSLClientHandler(context: tls, serverHostname: "localhost")
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
                try channel.pipeline.syncOperations.addHandler(
                    HandshakeHandler(upgraded: upgraded, messages: messages, receive: receive)
                )
            }
        }
        let channel: any Channel
        do {
            channel = try await bootstrap.connect(host: "127.0.0.1", port: port).get(within: .patience)
        } catch {
            upgraded.fail(error)
            throw error
        }
        var request = ByteBuffer()
        let lines =
            [
                "GET \(target) HTTP/1.1", "Host: 127.0.0.1:\(port)", "Upgrade: websocket", "Connection: Upgrade",
                "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            ] + headers
        request.writeString(lines.joined(separator: "\r\n") + "\r\n\r\n")
        request.writeImmutableBuffer(extra)
        channel.writeAndFlush(request, promise: nil)
        do {
            try await upgraded.futureResult.get(within: .patience)
        } catch {
            channel.close(promise: nil)
            throw error
        }
        return WebSocketTestClient(channel: channel, messages: messages)
    }

    /// The next message; nil after the end of the connection.
    package func next(within timeout: Duration = .patience) async throws -> Message? {
        try await self.messages.next(within: timeout)
    }

    /// The next text; pings are passed over.
    /// - Throws: `NoText` at a close or the end.
    package func text(within timeout: Duration = .patience) async throws -> String {
        while true {
            switch try await self.next(within: timeout) {
            case .text(let text): return text
            case .ping: continue
            case let other: throw NoText(instead: other)
            }
        }
    }

    /// The next text as an envelope.
    package func envelope(within timeout: Duration) async throws -> Envelope {
        try Envelope(parsing: try await self.text(within: timeout))
    }

    /// Cuts the connection without a goodbye.
    package func cut() async {
        try? await self.channel.close().get(within: .patience)
    }

    /// Stops or goes on reading from the socket.
    package func setReading(_ isReading: Bool) async throws {
        try await self.channel.setOption(.autoRead, value: isReading).get(within: .patience)
        if isReading { self.channel.read() }
    }

    /// Sends a frame, masked as a client has to.
    package func send(_ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, isMasked: Bool = true) async throws {
        let frame = Self.frame(opcode, payload, isFinal: isFinal, isMasked: isMasked)
        try await self.channel.writeAndFlush(frame).get(within: .patience)
    }

    /// Sends bytes without waiting: what the peer does not take stays here.
    package func pile(_ bytes: ByteBuffer) {
        self.channel.writeAndFlush(bytes, promise: nil)
    }

    package static func frame(
        _ opcode: UInt8,
        _ payload: [UInt8],
        isFinal: Bool = true,
        isMasked: Bool = true
    ) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.writeInteger((isFinal ? 0x80 : 0) | opcode)
        let mask: UInt8 = isMasked ? 0x80 : 0
        if payload.count < 126 {
            frame.writeInteger(mask | UInt8(payload.count))
        } else if payload.count <= Int(UInt16.max) {
            frame.writeInteger(mask | 126)
            frame.writeInteger(UInt16(payload.count))
        } else {
            frame.writeInteger(mask | 127)
            frame.writeInteger(UInt64(payload.count))
        }
        let key: [UInt8] = [1, 2, 3, 4]
        if isMasked { frame.writeBytes(key) }
        frame.writeBytes(payload.enumerated().map { isMasked ? $1 ^ key[$0 % 4] : $1 })
        return frame
    }
}

package struct UpgradeRefused: Error, CustomStringConvertible {
    /// The response up to what had arrived with its head.
    package let response: String

    package var status: Int { Int(self.response.split(separator: " ").dropFirst().first ?? "") ?? 0 }
    package var description: String { self.response }
}

package struct NoText: Error, CustomStringConvertible {
    package let instead: WebSocketTestClient.Message?

    package var description: String { "instead of a text came \(self.instead.map { "\($0)" } ?? "the end")" }
}

/// Reads the answer to the handshake, then makes room for the frame decoder.
private final class HandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let upgraded: EventLoopPromise<Void>
    private let messages: Inbox<WebSocketTestClient.Message>
    private let receive: (@Sendable (WebSocketTestClient.Message) -> Bool)?
    private var received = ByteBuffer()

    init(
        upgraded: EventLoopPromise<Void>,
        messages: Inbox<WebSocketTestClient.Message>,
        receive: (@Sendable (WebSocketTestClient.Message) -> Bool)?
    ) {
        self.upgraded = upgraded
        self.messages = messages
        self.receive = receive
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.received.writeImmutableBuffer(self.unwrapInboundIn(data))
        let text = String(buffer: self.received)
        let bytes = self.received.readableBytesView
        guard let end = bytes.indices.first(where: { bytes[$0...].starts(with: "\r\n\r\n".utf8) }) else { return }
        guard text.hasPrefix("HTTP/1.1 101 ") else {
            // The body of a refusal comes along, as far as it is there; the end of the connection brings the rest.
            if text.hasSuffix("}\n") { self.refuse(context) }
            return
        }
        self.received.moveReaderIndex(to: end + 4)
        let rest = self.received
        let pipeline = context.pipeline.syncOperations
        let decoder = ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: 1 << 24))
        try? pipeline.addHandler(decoder)
        try? pipeline.addHandler(MessageHandler(messages: self.messages, receive: self.receive))
        self.upgraded.succeed()
        context.fireChannelRead(self.wrapInboundOut(rest))
        pipeline.removeHandler(context: context, promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.refuse(context)
        // The messages' handler is there already where one that came with the answer ended the connection.
        context.fireChannelInactive()
    }

    private func refuse(_ context: ChannelHandlerContext) {
        self.upgraded.fail(UpgradeRefused(response: String(buffer: self.received)))
        context.close(promise: nil)
    }
}

private final class MessageHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = ByteBuffer

    private let messages: Inbox<WebSocketTestClient.Message>
    private let receive: (@Sendable (WebSocketTestClient.Message) -> Bool)?
    private var isCut = false

    init(
        messages: Inbox<WebSocketTestClient.Message>,
        receive: (@Sendable (WebSocketTestClient.Message) -> Bool)?
    ) {
        self.messages = messages
        self.receive = receive
    }

    private func take(_ message: WebSocketTestClient.Message, _ context: ChannelHandlerContext) {
        guard let receive else { return self.messages.put(message) }
        if self.isCut || receive(message) { return }
        self.isCut = true
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = self.unwrapInboundIn(data)
        var payload = frame.data
        switch frame.opcode {
        case .text:
            // Strict, as browsers are: text that is not UTF-8 ends the connection.
            guard let text = String(validating: payload.readableBytesView, as: UTF8.self) else {
                return context.close(promise: nil)
            }
            self.take(.text(text), context)
        case .ping:
            self.take(.ping, context)
            let pong = WebSocketTestClient.frame(0xA, Array(payload.readableBytesView))
            context.writeAndFlush(self.wrapOutboundOut(pong), promise: nil)
        case .connectionClose:
            let code = payload.readInteger(as: UInt16.self) ?? 1005
            self.take(.close(code: code, reason: String(buffer: payload)), context)
            let answer = WebSocketTestClient.frame(0x8, [UInt8(code >> 8), UInt8(code & 0xff)])
            context.writeAndFlush(self.wrapOutboundOut(answer), promise: nil)
        default:
            break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.messages.finish()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
