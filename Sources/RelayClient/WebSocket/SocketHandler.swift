package import NIOCore
package import NIOWebSocket

/// An open WebSocket: gives messages to its owner, one call for each read of the socket, answers pings, and does not read
/// while its owner wants no more. Requests of the owner come as outbound events.
package final class SocketHandler: ChannelDuplexHandler {
    package typealias InboundIn = WebSocketFrame
    package typealias OutboundIn = Never
    package typealias OutboundOut = WebSocketFrame

    /// For what was written to leave, after which the connection is cut all the same.
    private static let closeTimeout = TimeAmount.seconds(2)

    private let owner: any SocketOwner
    private let attempt: Int
    private let ended: EventLoopPromise<Loss>
    private var frames = ServerFrameStateMachine()
    private var watch: SilenceWatch
    private var looking: Scheduled<Void>?
    /// Of this read, in the order in which they came.
    private var messages: [SizedMessage] = []
    private var isPaused = false
    /// Whether the channel would have read meanwhile.
    private var wantsToRead = false
    /// The latest, while the relay takes no answers.
    private var pingToAnswer: ByteBuffer?
    /// Why it ends: what was known first.
    private var loss: Loss?

    /// - Parameter ended: succeeded when the connection is gone.
    package init(for owner: any SocketOwner, attempt: Int, ended: EventLoopPromise<Loss>, at now: NIODeadline) {
        self.owner = owner
        self.attempt = attempt
        self.ended = ended
        self.watch = SilenceWatch(at: now)
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.lookLater(context)
        let commands = self.owner.opened(context.channel, attempt: self.attempt)
        if commands.contains(.pause) { self.pause() }
        // The handshake's handler takes no writes before it has left the pipeline, which it does after this.
        context.eventLoop.assumeIsolated().execute {
            for command in commands where command != .pause { self.act(on: command, context) }
        }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.looking?.cancel()
        self.ended.succeed(self.loss ?? .closed(code: nil, reason: ""))
    }

    // MARK: - From the relay

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if self.loss != nil { return }
        self.watch.heard(at: context.eventLoop.now)
        switch self.frames.received(self.unwrapInboundIn(data)) {
        case .none:
            break
        case .message(let text):
            do throws(Loss) {
                self.messages.append(SizedMessage(try ReceivedMessage(parsing: text), bytes: text.readableBytes))
            } catch {
                self.fail(error, context)
            }
        case .answerPing(let payload):
            self.answerPing(payload, context)
        case .closed(let code, let reason):
            var answer = ByteBuffer()
            if let code { answer.writeInteger(code) }
            self.write(.connectionClose, answer, context)
            self.fail(.closed(code: code, reason: reason), context)
        case .refuse(let what):
            self.fail(.unintelligible(what), context)
        }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        self.deliver(context)
        context.fireChannelReadComplete()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        self.deliver(context)
        context.fireChannelInactive()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let error as NIOWebSocketError: self.fail(.unintelligible("no frame: \(error)"), context)
        default: self.fail(.failed(error), context)
        }
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, self.loss == nil, let payload = self.pingToAnswer.take() {
            self.write(.pong, payload, context)
        }
        context.fireChannelWritabilityChanged()
    }

    /// Who pings without reading gets no answers to keep: only the latest ping has to be answered (RFC 6455,
    /// section 5.5.3), when there is room again.
    private func answerPing(_ payload: ByteBuffer, _ context: ChannelHandlerContext) {
        guard context.channel.isWritable else {
            // A copy: the payload is a part of all that was read with it.
            self.pingToAnswer = ByteBuffer(bytes: payload.readableBytesView)
            return
        }
        self.write(.pong, payload, context)
    }

    private func deliver(_ context: ChannelHandlerContext) {
        if self.messages.isEmpty { return }
        let messages = self.messages
        self.messages.removeAll(keepingCapacity: true)
        for command in self.owner.received(messages, attempt: self.attempt) { self.act(on: command, context) }
    }

    /// What came before is delivered: it is as good as ever.
    private func fail(_ loss: Loss, _ context: ChannelHandlerContext) {
        if self.loss != nil { return }
        self.loss = loss
        self.deliver(context)
        context.close(promise: nil)
    }

    // MARK: - From the owner

    package func triggerUserOutboundEvent(
        context: ChannelHandlerContext,
        event: Any,
        promise: EventLoopPromise<Void>?
    ) {
        guard let command = event as? SocketCommand else {
            return context.triggerUserOutboundEvent(event, promise: promise)
        }
        self.act(on: command, context)
        promise?.succeed()
    }

    private func act(on command: SocketCommand, _ context: ChannelHandlerContext) {
        if self.loss != nil { return }
        switch command {
        case .send(let request):
            self.write(.text, ByteBuffer(string: request.text), context)
        case .pause:
            self.pause()
        case .readOn:
            self.isPaused = false
            self.watch.readsOn(at: context.eventLoop.now)
            if self.wantsToRead { context.read() }
            self.wantsToRead = false
        case .end(let loss):
            self.fail(loss, context)
        case .close:
            self.close(context)
        }
    }

    private func pause() {
        self.isPaused = true
        self.watch.paused()
    }

    package func read(context: ChannelHandlerContext) {
        if self.isPaused { self.wantsToRead = true } else { context.read() }
    }

    private func close(_ context: ChannelHandlerContext) {
        self.loss = .asked
        let hasLeft = context.eventLoop.makePromise(of: Void.self)
        let channel = context.channel
        hasLeft.futureResult.whenComplete { _ in channel.close(promise: nil) }
        self.write(.connectionClose, ByteBuffer(integer: UInt16(1000)), context, promise: hasLeft)
        context.eventLoop.scheduleTask(in: Self.closeTimeout) { channel.close(promise: nil) }
    }

    // MARK: - Keeping it alive

    private func lookLater(_ context: ChannelHandlerContext) {
        self.looking = context.eventLoop.assumeIsolated().scheduleTask(in: SilenceWatch.interval) {
            self.look(context)
            self.lookLater(context)
        }
    }

    private func look(_ context: ChannelHandlerContext) {
        switch self.watch.looked(at: context.eventLoop.now) {
        case .none: break
        case .pong: if context.channel.isWritable { self.write(.pong, ByteBuffer(), context) }
        case .giveUp: self.fail(.silent, context)
        }
    }

    private func write(
        _ opcode: WebSocketOpcode,
        _ payload: ByteBuffer,
        _ context: ChannelHandlerContext,
        promise: EventLoopPromise<Void>? = nil
    ) {
        self.watch.said(at: context.eventLoop.now)
        let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: payload)
        context.writeAndFlush(self.wrapOutboundOut(frame), promise: promise)
    }
}
