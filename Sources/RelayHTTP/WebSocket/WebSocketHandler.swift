package import NIOCore
package import NIOWebSocket
import RelayCore

/// A subscriber's WebSocket: answers the peer's control frames, pings it, and closes.
package final class WebSocketHandler: ChannelInboundHandler, SubscriberTransport {
    package typealias InboundIn = WebSocketFrame
    package typealias OutboundOut = ByteBuffer

    /// Bytes of one message from the client.
    package static let maximumMessageBytes = 64 << 10

    private let subscriber: Subscriber
    private let changes: ChannelChanges?
    /// What has come of a message that may ask for a change.
    private var message = ByteBuffer()
    private var context: ChannelHandlerContext?
    private var clientFrames = ClientFrameStateMachine(maximumMessageBytes: WebSocketHandler.maximumMessageBytes)
    private var pingsUnanswered = 0
    /// After the last ping: what had left, if the kernel's buffer was full then.
    private var takenAtPing: Int?
    /// The payload of the latest ping, while it can't be answered.
    private var pingToAnswer: ByteBuffer?
    private var isClosing = false

    /// - Parameter changes: what the client's messages may change; nil where they are all ignored.
    package init(_ subscriber: Subscriber, changes: ChannelChanges? = nil) {
        self.subscriber = subscriber
        self.changes = changes
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.subscriber.join(context, by: self)
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.subscriber.connectionEnded()
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        // What it took is a sign of life, while its answer to a ping waits behind what it has yet to read.
        if context.channel.isWritable {
            self.pingsUnanswered = 0
            if let payload = self.pingToAnswer.take(), !self.isClosing { self.answerPing(payload, context) }
            if context.channel.isWritable { self.subscriber.becameWritable() }
            self.changes?.work(for: self.subscriber)
        }
        context.fireChannelWritabilityChanged()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is ChannelShouldQuiesceEvent else { return context.fireUserInboundEventTriggered(event) }
        self.subscriber.drain()
    }

    // MARK: - From the client

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = self.unwrapInboundIn(data)
        self.pingsUnanswered = 0
        guard !self.isClosing else {
            // Only the answer to our close still counts.
            if frame.opcode == .connectionClose { context.close(promise: nil) }
            return
        }
        let action = self.clientFrames.received(frame)
        if case .message(isText: true, let isComplete) = action {
            return self.gather(frame.unmaskedData, isComplete: isComplete)
        }
        self.act(on: action, context)
    }

    /// Messages are judged, and ignored unless they ask for a change.
    private func gather(_ bytes: ByteBuffer, isComplete: Bool) {
        guard let changes = self.changes else { return }
        // The frames' length is bounded, and so is that of all fragments together.
        self.message.writeImmutableBuffer(bytes)
        if !isComplete { return }
        let message = self.message
        self.message = ByteBuffer()
        if changes.received(message, for: self.subscriber) { return }
        self.close(.notAllowed, reason: "too many changes at once: wait for the answers, and change less often")
    }

    private func act(on action: ClientFrameStateMachine.Action, _ context: ChannelHandlerContext) {
        switch action {
        case .none, .message:
            break
        case .answerPing(let payload):
            self.answerPing(payload, context)
        case .answerClose(let code, let reason):
            self.answerClose(code, reason)
        case .refuse(let code, let reason):
            self.close(code, reason: reason)
        }
    }

    /// A peer that pings without reading gets no answers to keep; only the latest ping has to be answered, and that one
    /// when it reads again (RFC 6455, section 5.5.3).
    private func answerPing(_ payload: ByteBuffer, _ context: ChannelHandlerContext) {
        guard context.channel.isWritable else {
            // A copy: the payload is a part of all that was read with it.
            self.pingToAnswer = ByteBuffer(bytes: payload.readableBytesView)
            return
        }
        var pong = ByteBuffer()
        pong.writeWebSocketFrame(.pong, payload.readableBytesView)
        self.subscriber.send(pong)
    }

    private func answerClose(_ code: UInt16, _ reason: String) {
        self.isClosing = true
        self.subscriber.leave(.client, code: code, reason: "closed by the client")
        var frame = ByteBuffer()
        frame.writeWebSocketClose(code: code, reason: reason)
        self.subscriber.sayGoodbye(frame)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let error as NIOWebSocketError where !self.isClosing:
            self.act(on: self.clientFrames.undecodable(error), context)
            // What still comes would reset a closed connection before the peer has read why: only our half ends.
            context.close(mode: .output, promise: nil)
        case is NIOWebSocketError,
            is ByteToMessageDecoderError where self.isClosing:
            // The peer still sends what was refused.
            break
        default:
            context.close(promise: nil)
        }
    }

    func keepAlive() {
        guard let context = self.context, !self.isClosing else { return }
        self.changes?.intervalBegins()
        // With the kernel's buffer full, something can only leave if the peer takes something: it reads, if so slowly
        // that our own buffer has not become free yet.
        let taken = self.subscriber.bytesWritten - self.subscriber.unsentBytes
        if let takenAtPing, taken > takenAtPing { self.pingsUnanswered = 0 }
        guard self.pingsUnanswered < 2 else {
            self.subscriber.leave(.nobody, reason: "no answer to pings")
            return context.close(promise: nil)
        }
        self.pingsUnanswered += 1
        var frame = ByteBuffer()
        frame.writeWebSocketFrame(.ping, ByteBuffer().readableBytesView)
        self.subscriber.send(frame)
        let unsent = self.subscriber.unsentBytes
        self.takenAtPing = unsent > 0 ? self.subscriber.bytesWritten - unsent : nil
    }

    // MARK: - Closing

    /// The connection is cut when the peer has answered, or hasn't in time.
    func close(_ code: CloseCode, reason: String) {
        guard self.context != nil, !self.isClosing else { return }
        self.isClosing = true
        self.subscriber.leave(.relay, code: code.rawValue, reason: reason)
        var frame = ByteBuffer()
        frame.writeWebSocketClose(code, reason: reason)
        self.subscriber.sayGoodbye(frame, awaitsPeer: true)
    }
}
