import NIOCore
import NIOEmbedded
import NIOWebSocket
import RelayCore
import RelayHTTP
import RelayTestSupport

/// A raw subscriber behind the frame decoder, on a loop whose time stands still until the test moves it.
final class SubscriberUnderTest {
    let loop = EmbeddedEventLoop()
    let channel: EmbeddedChannel
    let hub: LoopHub
    let socket = FullSocket()
    let observer = RecordingObserver()

    init(expiry: TokenExpiry? = nil) throws {
        self.hub = LoopHub(eventLoop: self.loop, head: 1, observer: self.observer)
        let decoder = WebSocketFrameDecoder(maxFrameSize: WebSocketHandler.maximumMessageBytes)
        let subscriber = Subscriber(
            subscription: Subscription(ChannelSelection("people"), kind: .raw, resumePoint: nil),
            hub: self.hub,
            pages: ReplayPages(log: MemoryEventLog(clock: ManualClock().serverClock), observer: self.observer),
            observer: self.observer,
            expiry: expiry,
            drainWindow: { .zero },
            whenClosed: { _ in }
        )
        self.channel = EmbeddedChannel(loop: self.loop)
        let handlers: [any ChannelHandler] = [self.socket, ByteToMessageHandler(decoder), WebSocketHandler(subscriber)]
        try self.channel.pipeline.syncOperations.addHandlers(handlers)
        try self.channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    deinit {
        _ = try? self.channel.finish(acceptAlreadyClosed: true)
    }

    func receive(_ bytes: ByteBuffer) {
        // A handler's errors end here; what the subscriber made of them is on the wire.
        _ = try? self.channel.writeInbound(bytes)
    }

    /// What it has sent since, frame by frame.
    func sent() throws -> [WebSocketFrame] {
        let client = EmbeddedChannel(handler: ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: 1 << 20)))
        while let bytes = try self.channel.readOutbound(as: ByteBuffer.self) { try client.writeInbound(bytes) }
        var frames: [WebSocketFrame] = []
        while let frame = try client.readInbound(as: WebSocketFrame.self) { frames.append(frame) }
        _ = try client.finish()
        return frames
    }

    func setWritable(_ isWritable: Bool) {
        self.channel.isWritable = isWritable
        self.channel.pipeline.fireChannelWritabilityChanged()
    }
}

/// Lets nothing out while it is full.
final class FullSocket: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    var isFull = false

    func flush(context: ChannelHandlerContext) {
        if !self.isFull { context.flush() }
    }
}

extension WebSocketFrame {
    /// The code of a close frame.
    var closeCode: UInt16? {
        guard self.opcode == .connectionClose else { return nil }
        return self.data.getInteger(at: self.data.readerIndex)
    }
}
