package import NIOCore
package import RelayCore

/// What carries a subscriber's messages. Both are one channel handler of a connection, and live as long as each other.
protocol SubscriberTransport: AnyObject {
    /// It is this connection's turn in the interval: sends something, so that whoever stands between the two takes it for
    /// alive, and ends it if the peer was not heard for two of them.
    func keepAlive()
    /// Says goodbye, leaves the subscriber, and ends the connection.
    func close(_ code: CloseCode, reason: String)
}

/// One subscriber: sends what its state machine decides, as ready bytes, so no encoder is in the pipeline.
package final class Subscriber: TakesTurns {
    /// What it is sent in one turn, a page or some batches, before others have theirs.
    private static let turnBytes = 64 << 10
    /// How long a peer has to take what is left for it, and a goodbye, before the connection is cut.
    package static let closeTimeout: TimeAmount = .seconds(2)

    private(set) var selection: ChannelSelection
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
    private let whenClosed: @Sendable (ChannelSelection) -> Void

    private var machine: SubscriberStateMachine
    /// The page that was asked for, until it is its turn.
    private var arrived: ReplayPage?
    private var context: ChannelHandlerContext?
    /// As long as there is a context.
    private weak var transport: (any SubscriberTransport)?
    private var channel: (any Channel)?
    private var socket: DirectSocket?
    private let isEncrypted: Bool
    /// Something was written by way of the channel since it was last seen to have nothing pending.
    private var mayHavePending = true
    private(set) var bytesWritten = 0
    private var eventsSent = 0
    /// Written by way of the pipeline on its way to the head, and not told to the observer yet.
    private var replayed = (events: 0, bytes: 0)
    /// The phase that the observer knows of.
    private var phase = SubscriberStateMachine.Phase.closed
    private var start = ContinuousClock.now
    private var end: (side: FinishedSubscriber.Side, code: UInt16?, reason: String) = (.nobody, nil, "connection lost")

    /// - Parameters:
    ///   - expiry: of the token that let it in.
    ///   - isEncrypted: something between this handler and the socket changes the bytes.
    ///   - drainWindow: over which all connections are closed when the server shuts down.
    ///   - whenClosed: called once, when the connection is over, with what it had by then.
    package init(
        subscription: Subscription,
        isEncrypted: Bool = false,
        hub: LoopHub,
        pages: ReplayPages,
        observer: any Observer,
        expiry: TokenExpiry? = nil,
        drainWindow: @escaping () -> TimeAmount,
        whenClosed: @escaping @Sendable (ChannelSelection) -> Void
    ) {
        self.selection = subscription.selection
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

    /// The transport's handler is in the pipeline.
    func join(_ context: ChannelHandlerContext, by transport: any SubscriberTransport) {
        self.context = context
        self.transport = transport
        self.channel = context.channel
        if !self.isEncrypted { self.socket = DirectSocket(context.pipeline.syncOperations) }
        self.pingRound = self.hub.currentPingRound
        self.hub.add(self)
        self.start = .now
        self.expiry?.start(on: context.eventLoop) {
            self.transport?.close(.notAllowed, reason: "the token has expired")
        }
        self.observer.observe(.subscriberJoined(self.selection, kind: self.kind))
        self.tellPhase()
        if let gap = self.resumePoint?.gap { self.tell(gap) }
        if self.cursor == self.hub.head { self.takeTurn() } else { self.hub.awaitTurn(self) }
    }

    /// The connection is over.
    func connectionEnded() {
        self.context = nil
        self.transport = nil
        self.channel = nil
        self.socket = nil
        self.expiry?.cancel()
        self.leave()
        self.hub.remove(self)
        self.observer.observe(
            .subscriberLeft(
                FinishedSubscriber(
                    address: self.address,
                    subject: self.subject,
                    selection: self.selection,
                    kind: self.kind,
                    duration: .now - self.start,
                    events: self.eventsSent,
                    bytes: self.bytesWritten,
                    side: self.end.side,
                    code: self.end.code,
                    reason: self.end.reason
                )
            )
        )
        self.whenClosed(self.selection)
    }

    /// Nothing more is sent; what ends the connection is told to the observer when it has ended.
    func leave(_ side: FinishedSubscriber.Side, code: UInt16? = nil, reason: String) {
        self.end = (side, code, reason)
        self.leave()
    }

    /// Writes the last bytes, and ends the connection when they have left.
    /// - Parameter awaitsPeer: the connection ends when the peer has answered instead, which the transport sees to.
    ///
    /// Either way it is cut in time.
    func sayGoodbye(_ bytes: ByteBuffer, awaitsPeer: Bool = false) {
        guard let context = self.context else { return }
        let hasLeft = awaitsPeer ? nil : context.eventLoop.makePromise(of: Void.self)
        hasLeft?.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
        context.writeAndFlush(NIOAny(bytes), promise: hasLeft)
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.closeTimeout) { self.context?.close(promise: nil) }
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
                if let (batch, last) = self.hub.tailBatch(after: after, of: self.selection) {
                    let frames = batch.frames(of: self.selection, self.kind)
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
                if !self.kind.tellsPosition { return self.closeFallenBehind() }
                let gap = Gap(
                    id: through,
                    channel: self.selection.only,
                    after: min(after, self.hub.lostAfter),
                    before: through.next,
                    reason: .unlogged
                )
                self.tell(gap)
                self.machine.sent(through: through)
            case .goLive(let isFirstTime):
                self.hub.addLive(self)
                if isFirstTime && self.kind.tellsPosition { self.writeLive() }
                context.flush()
                return
            }
        }
    }

    /// A gap that is nobody else's.
    private func tell(_ gap: Gap) {
        let frames = EncodedFrames([.gap(gap)], channel: self.selection.only, kind: self.kind)
        self.count((0, frames.gaps.map(\.reason)))
        self.write(frames.buffer)
    }

    private func count(_ counts: (events: Int, gaps: [Gap.Reason])) {
        self.replayed.events += counts.events
        for reason in counts.gaps { self.observer.observe(.gapTold(reason, times: 1)) }
    }

    private func writeLive() {
        var frame = ByteBuffer()
        frame.write(.live(id: self.hub.head, logID: self.pages.log.identity.logID), as: self.kind)
        self.write(frame)
    }

    private var stream: ReplayPages.Stream { ReplayPages.Stream(self.selection, kind: self.kind) }

    private func takePage(after: EventID) -> ReplayPage? {
        let range = self.hub.readableRange
        if let page = self.arrived.take(), page.serves(after, through: range.through) { return page }
        return self.pages.kept(self.stream, after: after, range)
    }

    private func readPage(after: EventID, _ context: ChannelHandlerContext) {
        let stream = self.stream
        self.pages.page(stream, after: after, self.hub.readableRange, on: context.eventLoop)
            .assumeIsolated().whenComplete { self.pageRead($0, of: stream) }
    }

    private func pageRead(_ result: Result<ReplayPage, any Error>, of stream: ReplayPages.Stream) {
        guard self.machine.pageRead() else { return }
        switch result {
        case .success(let page):
            // Its cursor stays where it is until then. A page of other channels than it has by now is of no use to it.
            if stream == self.stream { self.arrived = page }
            self.hub.awaitTurn(self)
        case .failure:
            self.transport?.close(.internalError, reason: "the log can't be read")
        }
    }

    private func send(_ page: ReplayPage, after: EventID) {
        let range = self.hub.readableRange
        // It may have been read for a loop that is ahead of this one.
        let through = min(page.through, range.through)
        if !self.kind.tellsPosition && page.hasLoss(after: after, through: through) { return self.closeFallenBehind() }
        var counts = page.counts(after: after, through: through)
        // Who asks for whatever there is has missed nothing of what is there no more.
        if after == .zero { counts.gaps.removeAll { $0 == .evicted } }
        self.count(counts)
        self.write(page.frames(after: after, through: through))
        self.machine.sent(through: through)
        if case .replaying = self.machine.phase { self.pages.taken(page, of: self.stream, range) }
    }

    /// A raw stream can't carry a gap.
    private func closeFallenBehind() {
        self.transport?.close(.tryAgainLater, reason: "fell behind what the log keeps")
    }

    // MARK: - Other channels

    /// Everything up to it was sent.
    var position: EventID { self.machine.cursor ?? self.hub.head }

    /// Whether the connection is over, or about to be.
    var isOver: Bool { self.machine.phase == .closed }

    /// Whether an answer to its client is no more than the connection takes now.
    var takesAnswers: Bool { !self.isOver && self.context?.channel.isWritable == true }

    /// From its position on it gets what these channels have.
    func change(to selection: ChannelSelection) {
        if self.isOver { return }
        let isLive = self.liveIndex != nil
        if isLive { self.hub.removeLive(self) }
        self.selection = selection
        self.arrived = nil
        if isLive { self.hub.addLive(self) }
    }

    func tell(_ answer: WireMessage) {
        if self.isOver { return }
        var frame = ByteBuffer()
        frame.write(answer, as: self.kind)
        self.send(frame)
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
        guard let channel = self.channel, self.liveIndex != nil else { return false }
        let socket = self.idleSocket(of: channel)
        let isWritable = socket != nil || channel.isWritable
        switch self.machine.batchFannedOut(after: previousHead, isWritable: isWritable) {
        case .send:
            let taken = socket?.send(bytes) ?? 0
            self.bytesWritten += taken
            self.eventsSent += events
            if taken < bytes.count { self.send(frames.behind(taken)) }
            return true
        case .stop:
            self.hub.removeLive(self)
            self.observer.observe(.subscriberLagging(self.selection))
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

    func becameWritable() {
        if self.machine.becameWritable() { self.hub.awaitTurn(self) }
    }

    private func write(_ frames: ByteBuffer) {
        if frames.readableBytes == 0 { return }
        self.mayHavePending = true
        self.bytesWritten += frames.readableBytes
        self.replayed.bytes += frames.readableBytes
        self.context?.write(NIOAny(frames), promise: nil)
    }

    /// What is no event leaves by the same way, so that it is known to be pending.
    func send(_ bytes: ByteBuffer) {
        self.mayHavePending = true
        self.bytesWritten += bytes.readableBytes
        self.context?.writeAndFlush(NIOAny(bytes), promise: nil)
    }

    /// Written, and not taken by the kernel yet.
    var unsentBytes: Int {
        (try? self.channel?.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    // MARK: - The connection's upkeep

    func keepAlive() {
        self.transport?.keepAlive()
    }

    /// The server shuts down: its clients are sent away one after the other.
    func drain() {
        guard let context = self.context else { return }
        let delay = self.hub.nextDrainDelay(window: self.drainWindow())
        context.eventLoop.assumeIsolated().scheduleTask(in: delay) {
            self.transport?.close(.goingAway, reason: "shutting down, come back")
        }
    }
}

extension ByteBuffer {
    fileprivate func behind(_ count: Int) -> ByteBuffer {
        self.getSlice(at: self.readerIndex + count, length: self.readableBytes - count) ?? ByteBuffer()
    }
}
