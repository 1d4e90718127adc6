package import NIOCore
package import RelayCore

/// A connection that has something to do which live events go before.
protocol TakesTurns: AnyObject {
    /// Does a share of it.
    /// - Returns: how many bytes were sent, or what costs as much.
    func takeTurn() -> Int
}

/// The subscribers of one event loop. Everything here happens on that loop.
package final class LoopHub {
    /// Memory of the newest batches, kept by all loops together since they share them: about 20,000 events of 300 B.
    package static let tailCapacity = 16 << 20
    /// Bytes of replay that are sent at once, about 0.1 ms, before the loop looks after live events and everything else.
    private static let replayAtOnce = 256 << 10
    /// Before it goes on with replay: nothing, if there is nothing else to do.
    private static let replayPause = TimeAmount.microseconds(10)
    /// A connection is pinged every so many seconds. One that was not heard for two of these intervals is closed.
    package static let pingRounds = 30

    /// Connections that are no subscribers yet.
    package let silentConnections: SilentConnections
    let eventLoop: any EventLoop
    private let observer: any Observer
    private var machine: HubStateMachine<FrameBatch>
    /// Those that get batches as they come.
    private var live = LiveSubscribers()
    /// All, whatever their state.
    private var subscribers: [Subscriber] = []
    /// Those that have something to replay, or begin, until it is their turn; each of them once, so no more than
    /// connections.
    private var awaitingTurn = CircularBuffer<any TakesTurns>()
    private var isGivingTurns = false
    private var pingRound = 0
    private var pinging: RepeatedTask?
    private var drain: (spacing: TimeAmount, next: Int64)?

    package init(eventLoop: any EventLoop, head: EventID, observer: any Observer) {
        self.silentConnections = SilentConnections(eventLoop: eventLoop)
        self.eventLoop = eventLoop
        self.observer = observer
        self.machine = HubStateMachine(head: head, tailCapacity: Self.tailCapacity)
    }

    package var head: EventID { self.machine.head }

    /// What of the log can be read.
    var readableRange: ReplayPages.ReadableRange {
        ReplayPages.ReadableRange(
            evictedThrough: self.machine.evictedThrough,
            through: self.machine.readableThrough
        )
    }

    package func position(of cursor: EventID) -> HubPosition { self.machine.position(of: cursor) }

    /// The oldest batch of the tail with entries after `cursor` for a selection, and its last id; nil if there is none.
    func tailBatch(after cursor: EventID, of selection: ChannelSelection) -> (batch: FrameBatch, last: EventID)? {
        self.machine.tailBatch(after: cursor, of: selection)
    }

    /// Where the gap begins for what can be neither read nor given from memory.
    var lostAfter: EventID { self.machine.lostAfter }

    func logStands(at standing: LogStanding) { self.machine.logStands(at: standing) }

    // MARK: - Fan-out

    /// Delivers a batch to all live subscribers of this loop.
    package func fanOut(_ frames: FrameBatch) {
        let batch = frames.batch
        let previousHead = self.machine.head
        self.machine.batchAppended(
            frames,
            of: frames.channels,
            after: batch.after,
            last: batch.last,
            bytes: frames.bytes,
            evictedThrough: batch.evictedThrough,
            standing: batch.standing
        )
        var delivery = LoopDelivery()
        for group in self.live.groups(for: frames) {
            for kind in FrameKind.allCases {
                let subscribers = group.subscribers[kind]
                self.fanOut(frames, of: group.selection, kind, to: subscribers, after: previousHead, &delivery)
            }
        }
        if delivery.isEmpty { return }
        // Once for all subscribers; a clock read and some counters are nothing beside one system call for each.
        delivery.lag = batch.received.map { .now - $0 }
        self.observer.observe(.batchDelivered(delivery))
    }

    /// To a copy of the list: subscribers that lag or break leave the list meanwhile.
    private func fanOut(
        _ frames: FrameBatch,
        of selection: ChannelSelection,
        _ kind: FrameKind,
        to subscribers: [Subscriber],
        after previousHead: EventID,
        _ delivery: inout LoopDelivery
    ) {
        if subscribers.isEmpty { return }
        let encoded = frames.frames(of: selection, kind)
        if encoded.isEmpty { return }
        let events = encoded.eventCount
        var sent = 0
        encoded.buffer.withUnsafeReadableBytes { bytes in
            for subscriber in subscribers {
                if subscriber.deliver(encoded.buffer, bytes, events: events, after: previousHead) { sent += 1 }
            }
        }
        delivery.add(kind, events: sent * events, bytes: sent * encoded.buffer.readableBytes)
        if sent > 0 { for gap in encoded.gaps { self.observer.observe(.gapTold(gap.reason, times: sent)) } }
    }

    func addLive(_ subscriber: Subscriber) { self.live.add(subscriber) }

    func removeLive(_ subscriber: Subscriber) { self.live.remove(subscriber) }

    // MARK: - Replay

    /// It is their turn soon. A storm of them shares the loop among all, and with live events.
    func awaitTurn(_ connection: any TakesTurns) {
        self.awaitingTurn.append(connection)
        if self.isGivingTurns { return }
        self.isGivingTurns = true
        self.eventLoop.assumeIsolated().execute { self.giveTurns() }
    }

    private func giveTurns() {
        var bytes = 0
        while bytes < Self.replayAtOnce, let connection = self.awaitingTurn.popFirst() {
            bytes += connection.takeTurn()
        }
        self.isGivingTurns = !self.awaitingTurn.isEmpty
        // By a timer, since the loop takes no look at its sockets before all that is to be executed at once is done.
        if self.isGivingTurns {
            self.eventLoop.assumeIsolated().scheduleTask(in: Self.replayPause) { self.giveTurns() }
        }
    }

    // MARK: - All subscribers

    func add(_ subscriber: Subscriber) {
        subscriber.index = self.subscribers.count
        self.subscribers.append(subscriber)
        self.startPinging()
    }

    func remove(_ subscriber: Subscriber) {
        guard let index = subscriber.index, let last = self.subscribers.popLast() else { return }
        subscriber.index = nil
        if last !== subscriber {
            self.subscribers[index] = last
            last.index = index
        }
        if self.subscribers.isEmpty {
            self.pinging?.cancel()
            self.pinging = nil
        }
    }

    /// One timer for all: each second it is the turn of those that joined in the same second of the interval.
    private func startPinging() {
        guard self.pinging == nil else { return }
        let bound = NIOLoopBound(self, eventLoop: self.eventLoop)
        self.pinging = self.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            bound.value.pingNext()
        }
    }

    private func pingNext() {
        self.pingRound = (self.pingRound + 1) % Self.pingRounds
        for subscriber in self.subscribers where subscriber.pingRound == self.pingRound { subscriber.keepAlive() }
    }

    /// The round of the interval in which a subscriber that joins now is pinged.
    var currentPingRound: Int { self.pingRound }

    /// The loop shuts down: how long the next subscriber that asks waits with its close, so that they come back
    /// evenly spread over the window and not all at once.
    func nextDrainDelay(window: TimeAmount) -> TimeAmount {
        let spacing = self.drain?.spacing ?? .nanoseconds(window.nanoseconds / Int64(max(1, self.subscribers.count)))
        let next = self.drain?.next ?? 0
        self.drain = (spacing, next + 1)
        return min(window, .nanoseconds(spacing.nanoseconds * next))
    }
}
