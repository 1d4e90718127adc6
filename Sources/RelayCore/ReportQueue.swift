import Synchronization

/// The queue between a source and the relay: what arrives while the log commits becomes the next batch.
///
/// It is bounded by the bytes of its payloads. A source that is told that there is no room stops reading from its
/// socket, so PostgreSQL keeps the rest in its own queue; it is called back when there is room again.
package final class ReportQueue: Sendable {
    /// 16 MiB of payloads: a second of a flat-out publisher of 200 B events, so a slow disk's hiccup stays invisible.
    package static let defaultCapacity = 16 << 20
    /// Accounts for what a notification costs beside its payload.
    package static let notificationOverhead = 64

    fileprivate struct State {
        var reports: [SourceReport] = []
        /// When each of them was offered.
        var times: [ContinuousClock.Instant] = []
        var takenSince: ContinuousClock.Instant?
        var bytes = 0
        var isFinished = false
        var wasFull = false
        var consumer: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    private let capacity: Int
    private let roomMade: @Sendable () -> Void

    /// - Parameter roomMade: called, from any thread, when a queue that had no room has some again.
    package init(capacity: Int = ReportQueue.defaultCapacity, roomMade: @escaping @Sendable () -> Void) {
        self.capacity = capacity
        self.roomMade = roomMade
    }

    /// Appends a report. It is always accepted, so the bound is exceeded by one report at the most.
    /// - Returns: whether there is room for more.
    package func offer(_ report: SourceReport, at now: ContinuousClock.Instant = .now) -> Bool {
        let (hasRoom, consumer) = self.state.withLock { state in
            precondition(!state.isFinished, "a report after the end")
            state.reports.append(report)
            state.times.append(now)
            state.bytes += report.bytes
            state.wasFull = state.bytes >= self.capacity
            return (!state.wasFull, state.consumer.take())
        }
        consumer?.resume()
        return hasRoom
    }

    /// Whether a report would find room. Where one did not, it has none before that is announced.
    package var hasRoom: Bool { self.state.withLock { !$0.wasFull } }

    /// No more reports will come.
    package func finish() {
        let consumer = self.state.withLock { state in
            state.isFinished = true
            return state.consumer.take()
        }
        consumer?.resume()
    }

    /// The source has ended; what is left is the last.
    package var isFinished: Bool { self.state.withLock { $0.isFinished } }

    /// When the oldest report that `next` gave last was offered.
    package var takenSince: ContinuousClock.Instant? { self.state.withLock { $0.takenSince } }

    /// Waits for reports and takes as many as fit one batch. For one consumer.
    /// - Returns: at least one report; nil when the queue is finished and empty.
    package func next(_ limit: BatchLimit) async -> [SourceReport]? {
        while true {
            let (taken, isFinished, madeRoom) = self.state.withLock { state in
                let taken = state.take(limit)
                let madeRoom = state.wasFull && state.bytes < self.capacity / 2
                if madeRoom { state.wasFull = false }
                return (taken, state.isFinished, madeRoom)
            }
            if madeRoom { self.roomMade() }
            if !taken.isEmpty { return taken }
            if isFinished { return nil }
            await withCheckedContinuation { continuation in
                let resumeNow = self.state.withLock { state in
                    if state.isFinished || !state.reports.isEmpty { return true }
                    precondition(state.consumer == nil, "two consumers")
                    state.consumer = continuation
                    return false
                }
                if resumeNow { continuation.resume() }
            }
        }
    }
}

/// How large a batch may become: how long one transaction and one fan-out may take.
package struct BatchLimit: Sendable {
    package var events: Int
    package var bytes: Int

    package init(events: Int, bytes: Int) {
        self.events = events
        self.bytes = bytes
    }

    /// About 15 ms of appending and fanning out; larger ones gain nothing (0.09 µs per delivery from 100 events on).
    package static let standard = BatchLimit(events: 2048, bytes: 512 << 10)
}

extension [Notification] {
    /// What they count for where they wait.
    package var bytes: Int { self.reduce(0) { $0 + $1.payload.bytes.count + ReportQueue.notificationOverhead } }
}

extension SourceReport {
    fileprivate var bytes: Int {
        guard case .notifications(let notifications) = self else { return ReportQueue.notificationOverhead }
        return notifications.bytes
    }

    fileprivate var eventCount: Int {
        if case .notifications(let notifications) = self { notifications.count } else { 0 }
    }
}

extension ReportQueue.State {
    /// Takes reports from the front up to the limit, one at least.
    fileprivate mutating func take(_ limit: BatchLimit) -> [SourceReport] {
        var count = 0
        var events = 0
        var bytes = 0
        for report in self.reports {
            if count > 0, events + report.eventCount > limit.events || bytes + report.bytes > limit.bytes { break }
            count += 1
            events += report.eventCount
            bytes += report.bytes
        }
        let taken = Array(self.reports.prefix(count))
        if count > 0 { self.takenSince = self.times.first }
        self.reports.removeFirst(count)
        self.times.removeFirst(count)
        self.bytes -= bytes
        return taken
    }
}
