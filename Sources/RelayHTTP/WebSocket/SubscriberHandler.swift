package import NIOCore
package import NIOWebSocket
package import RelayCore

/// One WebSocket: sends what its state machine decides, and answers the peer's control frames.
///
/// What it writes are ready bytes, so no frame encoder is in the pipeline.
package final class SubscriberHandler: ChannelInboundHandler {
    package typealias InboundIn = WebSocketFrame
    package typealias OutboundOut = ByteBuffer

    /// What it is sent in one turn, a page or some batches, before others have theirs.
    private static let turnBytes = 64 << 10
    /// Bytes of one message from the client, which is read and ignored.
    package static let maximumMessageBytes = 64 << 10
    /// How long a peer has to answer a close before the connection is cut.
    package static let closeTimeout: TimeAmount = .seconds(2)

    let channelName: ChannelName
    let kind: FrameKind
    /// Its places in the hub's lists; kept by the hub.
    var liveIndex: Int?
    var index: Int?
    private(set) var pingRound = 0

    private let hub: LoopHub
    private let pages: ReplayPages
    private let observer: any Observer
    private let resumePoint: ResumePoint?
    private let address: String
    private let subject: String?
    /// Where it begins.
    private let cursor: EventID
    private let expiry: TokenExpiry?
    private let drainWindow: () -> TimeAmount
    private let whenClosed: @Sendable () -> Void

    private var machine: SubscriberStateMachine
    /// The page that was asked for, until it is its turn.
    private var arrived: ReplayPage?
    private var context: ChannelHandlerContext?
    private var channel: (any Channel)?
    private var socket: DirectSocket?
    private let isEncrypted: Bool
    /// Something was written by way of the channel since it was last seen to have nothing pending.
    private var mayHavePending = true
    private var pingsUnanswered = 0
    private var bytesWritten = 0
    private var eventsSent = 0
    /// Written by way of the pipeline on its way to the head, and not told to the observer yet.
    private var replayed = (events: 0, bytes: 0)
    /// The phase that the observer knows of.
    private var phase = SubscriberStateMachine.Phase.closed
    private var start = ContinuousClock.now
    /// After the last ping: what had left, if the kernel's buffer was full then.
    private var takenAtPing: Int?
    /// The payload of the latest ping, while it can't be answered.
    private var pingToAnswer: ByteBuffer?
    private var clientFrames = ClientFrameStateMachine(maximumMessageBytes: SubscriberHandler.maximumMessageBytes)
    private var isClosing = false
    private var closing: (side: SubscriberEnd.Side, code: UInt16?, reason: String) = (.nobody, nil, "connection lost")

    /// - Parameters:
    ///   - expiry: of the token that let it in.
    ///   - isEncrypted: something between this handler and the socket changes the bytes.
    ///   - drainWindow: over which all connections are closed when the server shuts down.
    ///   - whenClosed: called once, when the connection is over.
    package init(
        subscription: Subscription,
        isEncrypted: Bool = false,
        hub: LoopHub,
        pages: ReplayPages,
        observer: any Observer,
        expiry: TokenExpiry? = nil,
        drainWindow: @escaping () -> TimeAmount,
        whenClosed: @escaping @Sendable () -> Void
    ) {
        self.channelName = subscription.channel
        self.kind = subscription.kind
        self.isEncrypted = isEncrypted
        self.hub = hub
        self.pages = pages
        self.observer = observer
        self.resumePoint = subscription.resumePoint
        self.address = "\(subscription.seat.address)"
        self.subject = subscription.seat.subject
        self.expiry = expiry
        self.drainWindow = drainWindow
        self.whenClosed = whenClosed
        self.cursor = subscription.resumePoint?.cursor ?? hub.head
        self.machine = SubscriberStateMachine(cursor: self.cursor)
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.channel = context.channel
        if !self.isEncrypted { self.socket = DirectSocket(context.pipeline.syncOperations) }
        self.pingRound = self.hub.currentPingRound
        self.hub.add(self)
        self.start = .now
        self.expiry?.start(on: context.eventLoop) { self.close(.notAllowed, reason: "the token has expired") }
        self.observer.observe(.subscriberJoined(channel: self.channelName, kind: self.kind))
        self.tellPhase()
        if let gap = self.resumePoint?.gap { self.tell(gap) }
        if self.cursor == self.hub.head { self.takeTurn() } else { self.hub.awaitTurn(self) }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.channel = nil
        self.socket = nil
        self.expiry?.cancel()
        self.leave()
        self.hub.remove(self)
        self.observer.observe(
            .subscriberLeft(
                SubscriberEnd(
                    address: self.address,
                    subject: self.subject,
                    channel: self.channelName,
                    kind: self.kind,
                    duration: .now - self.start,
                    events: self.eventsSent,
                    bytes: self.bytesWritten,
                    side: self.closing.side,
                    code: self.closing.code,
                    reason: self.closing.reason
                )
            )
        )
        self.whenClosed()
    }

    private func leave() {
        self.arrived = nil
        if self.machine.closed() { self.hub.removeLive(self) }
        self.tellPhase()
    }

    /// After what may have changed the phase.
    private func tellPhase() {
        let phase = self.machine.phase
        if phase == self.phase { return }
        self.observer.observe(.subscriberMoved(self.kind, from: self.phase, to: phase))
        self.phase = phase
    }

    // MARK: - Towards the head

    /// Goes on, through the tail, to a page of the log or into the live ones: as far as it can now, or until it has had
    /// its share of the loop. If more is to be sent then, it waits for the next turn.
    /// - Returns: how many bytes were sent.
    @discardableResult
    func takeTurn() -> Int {
        let start = self.bytesWritten
        self.proceed(until: start + Self.turnBytes)
        self.tellPhase()
        if self.replayed.bytes > 0 {
            self.observer.observe(.replayed(self.kind, events: self.replayed.events, bytes: self.replayed.bytes))
            self.eventsSent += self.replayed.events
            self.replayed = (0, 0)
        }
        return self.bytesWritten - start
    }

    private func proceed(until end: Int) {
        while let context = self.context {
            if self.bytesWritten >= end {
                context.flush()
                return self.hub.awaitTurn(self)
            }
            switch self.machine.proceed(isWritable: context.channel.isWritable, position: self.hub.position) {
            case .none:
                // A page is not held for who does not take it: it may be evicted by then, and is soon read again.
                self.arrived = nil
                context.flush()
                return
            case .sendTail(let after):
                if let (batch, last) = self.hub.tailBatch(after: after, of: self.channelName) {
                    let frames = batch.frames(of: self.channelName, self.kind)
                    self.count(frames.counts(after: after, through: last))
                    self.write(frames.after(after))
                    self.machine.sent(through: last)
                } else {
                    self.machine.sent(through: self.hub.head)
                }
            case .readPage(let after):
                guard let page = self.takePage(after: after) else {
                    context.flush()
                    return self.readPage(after: after, context)
                }
                _ = self.machine.pageRead()
                self.send(page, after: after)
            case .tellLost(let after, let through):
                if self.kind == .raw { return self.closeFallenBehind() }
                let gap = Gap(
                    id: through,
                    channel: self.channelName,
                    after: min(after, self.hub.lostAfter),
                    before: through.next,
                    reason: .unlogged
                )
                self.tell(gap)
                self.machine.sent(through: through)
            case .goLive(let isFirstTime):
                self.hub.addLive(self)
                if isFirstTime && self.kind == .enveloped { self.writeLive() }
                context.flush()
                return
            }
        }
    }

    /// A gap that is nobody else's.
    private func tell(_ gap: Gap) {
        let frames = EncodedFrames([.gap(gap)], channel: self.channelName, kind: self.kind)
        self.count((0, frames.gaps.map(\.reason)))
        self.write(frames.buffer)
    }

    private func count(_ counts: (events: Int, gaps: [Gap.Reason])) {
        self.replayed.events += counts.events
        for reason in counts.gaps { self.observer.observe(.gapTold(reason, times: 1)) }
    }

    private func writeLive() {
        var frame = ByteBuffer()
        frame.writeFrame(.live(id: self.hub.head, logID: self.pages.log.identity.logID))
        self.write(frame)
    }

    private var stream: ReplayPages.Stream { ReplayPages.Stream(channel: self.channelName, kind: self.kind) }

    private func takePage(after: EventID) -> ReplayPage? {
        let range = self.hub.readableRange
        if let page = self.arrived.take(), page.serves(after, through: range.through) { return page }
        return self.pages.kept(self.stream, after: after, range)
    }

    private func readPage(after: EventID, _ context: ChannelHandlerContext) {
        self.pages.page(self.stream, after: after, self.hub.readableRange, on: context.eventLoop)
            .assumeIsolated().whenComplete { self.pageRead($0) }
    }

    private func pageRead(_ result: Result<ReplayPage, any Error>) {
        guard self.machine.pageRead() else { return }
        switch result {
        case .success(let page):
            // Its cursor stays where it is until then.
            self.arrived = page
            self.hub.awaitTurn(self)
        case .failure:
            self.close(.internalError, reason: "the log can't be read")
        }
    }

    private func send(_ page: ReplayPage, after: EventID) {
        let range = self.hub.readableRange
        // It may have been read for a loop that is ahead of this one.
        let through = min(page.through, range.through)
        if self.kind == .raw && page.hasLoss(after: after, through: through) { return self.closeFallenBehind() }
        self.count(page.counts(after: after, through: through))
        self.write(page.frames(after: after, through: through))
        self.machine.sent(through: through)
        if case .replaying = self.machine.phase { self.pages.taken(page, of: self.stream, range) }
    }

    /// A raw stream can't carry a gap.
    private func closeFallenBehind() {
        self.close(.tryAgainLater, reason: "fell behind what the log keeps")
    }

    // MARK: - Live

    /// A batch comes while this subscriber is among the live ones.
    /// - Parameters:
    ///   - bytes: those of `frames`.
    ///   - events: how many these are.
    ///   - previousHead: the newest id fanned out before it.
    /// - Returns: whether it was sent them.
    func deliver(
        _ frames: ByteBuffer,
        _ bytes: UnsafeRawBufferPointer,
        events: Int,
        after previousHead: EventID
    ) -> Bool {
        guard let channel = self.channel, let context = self.context, self.liveIndex != nil else { return false }
        let socket = self.idleSocket(of: channel)
        let isWritable = socket != nil || channel.isWritable
        switch self.machine.batchFannedOut(after: previousHead, isWritable: isWritable) {
        case .send:
            let taken = socket?.send(bytes) ?? 0
            self.bytesWritten += taken
            self.eventsSent += events
            if taken < bytes.count { self.send(frames.behind(taken), context) }
            return true
        case .stop:
            self.hub.removeLive(self)
            self.observer.observe(.subscriberLagging(channel: self.channelName))
            self.tellPhase()
            return false
        }
    }

    /// The socket, if nothing has to leave before what is sent now.
    private func idleSocket(of channel: any Channel) -> DirectSocket? {
        guard let socket = self.socket, channel.isActive else { return nil }
        if self.mayHavePending { self.mayHavePending = self.unsentBytes > 0 }
        return self.mayHavePending ? nil : socket
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        // What it took is a sign of life, while its answer to a ping waits behind what it has yet to read.
        if context.channel.isWritable {
            self.pingsUnanswered = 0
            if let payload = self.pingToAnswer.take(), !self.isClosing { self.answerPing(payload, context) }
        }
        if context.channel.isWritable && self.machine.becameWritable() { self.hub.awaitTurn(self) }
        context.fireChannelWritabilityChanged()
    }

    private func write(_ frames: ByteBuffer) {
        if frames.readableBytes == 0 { return }
        self.mayHavePending = true
        self.bytesWritten += frames.readableBytes
        self.replayed.bytes += frames.readableBytes
        self.context?.write(self.wrapOutboundOut(frames), promise: nil)
    }

    private func send(_ frames: ByteBuffer, _ context: ChannelHandlerContext) {
        self.mayHavePending = true
        self.bytesWritten += frames.readableBytes
        context.writeAndFlush(self.wrapOutboundOut(frames), promise: nil)
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
        self.act(on: self.clientFrames.received(frame), context)
    }

    private func act(on action: ClientFrameStateMachine.Action, _ context: ChannelHandlerContext) {
        switch action {
        case .none, .message:
            // Messages are not expected: read, judged and ignored.
            break
        case .answerPing(let payload):
            self.answerPing(payload, context)
        case .answerClose(let code, let reason):
            self.answerClose(code, reason, context)
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
        self.send(pong, context)
    }

    /// Ends the connection when what was written has left, or hasn't in time.
    private func answerClose(_ code: UInt16, _ reason: String, _ context: ChannelHandlerContext) {
        self.isClosing = true
        self.closing = (.client, code, "closed by the client")
        self.leave()
        var frame = ByteBuffer()
        frame.writeWebSocketClose(code: code, reason: reason)
        let hasLeft = context.eventLoop.makePromise(of: Void.self)
        hasLeft.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
        context.writeAndFlush(self.wrapOutboundOut(frame), promise: hasLeft)
        self.cutAfterTimeout(context)
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

    /// It is this connection's turn in the ping interval.
    func ping() {
        guard let context = self.context, !self.isClosing else { return }
        // With the kernel's buffer full, something can only leave if the peer takes something: it reads, if so slowly
        // that our own buffer has not become free yet.
        if let takenAtPing, self.bytesWritten - self.unsentBytes > takenAtPing { self.pingsUnanswered = 0 }
        guard self.pingsUnanswered < 2 else {
            self.closing.reason = "no answer to pings"
            return context.close(promise: nil)
        }
        self.pingsUnanswered += 1
        var frame = ByteBuffer()
        frame.writeWebSocketFrame(.ping, ByteBuffer().readableBytesView)
        self.send(frame, context)
        let unsent = self.unsentBytes
        self.takenAtPing = unsent > 0 ? self.bytesWritten - unsent : nil
    }

    private var unsentBytes: Int {
        (try? self.channel?.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    // MARK: - Closing

    /// Says goodbye and cuts the connection when the peer has answered, or hasn't in time.
    private func close(_ code: CloseCode, reason: String) {
        guard let context = self.context, !self.isClosing else { return }
        self.isClosing = true
        self.closing = (.relay, code.rawValue, reason)
        self.leave()
        var frame = ByteBuffer()
        frame.writeWebSocketClose(code, reason: reason)
        context.writeAndFlush(self.wrapOutboundOut(frame), promise: nil)
        self.cutAfterTimeout(context)
    }

    private func cutAfterTimeout(_ context: ChannelHandlerContext) {
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.closeTimeout) {
            self.context?.close(promise: nil)
        }
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is ChannelShouldQuiesceEvent else { return context.fireUserInboundEventTriggered(event) }
        let delay = self.hub.nextDrainDelay(window: self.drainWindow())
        context.eventLoop.assumeIsolated().scheduleTask(in: delay) {
            self.close(.goingAway, reason: "shutting down, come back")
        }
    }
}

extension ByteBuffer {
    fileprivate func behind(_ count: Int) -> ByteBuffer {
        self.getSlice(at: self.readerIndex + count, length: self.readableBytes - count) ?? ByteBuffer()
    }
}
