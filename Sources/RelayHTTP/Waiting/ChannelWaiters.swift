package import RelayCore
import Synchronization

/// The requests that wait, by channel. There are no more of them than HTTP connections, nor than clients.
package final class ChannelWaiters: Sendable {
    fileprivate struct Waiting {
        var waiters: [ChannelName: [ObjectIdentifier: HistoryWaiter]] = [:]
        /// Those with patterns.
        var seeking: [ObjectIdentifier: (waiter: HistoryWaiter, selection: ChannelSelection)] = [:]
        var hasEnded = false
    }

    private let waiting = Mutex(Waiting())

    package init() {}

    /// One more for these channels, to be removed once.
    package func add(to selection: ChannelSelection) -> HistoryWaiter {
        let waiter = HistoryWaiter()
        let hasEnded = self.waiting.withLock { waiting in
            if waiting.hasEnded { return true }
            for channel in selection.names { waiting.waiters[channel, default: [:]][ObjectIdentifier(waiter)] = waiter }
            if !selection.patterns.isEmpty { waiting.seeking[ObjectIdentifier(waiter)] = (waiter, selection) }
            return false
        }
        if hasEnded { waiter.end() }
        return waiter
    }

    package func remove(_ waiter: HistoryWaiter, from selection: ChannelSelection) {
        self.waiting.withLock { waiting in
            for channel in selection.names {
                waiting.waiters[channel]?[ObjectIdentifier(waiter)] = nil
                if waiting.waiters[channel]?.isEmpty == true { waiting.waiters[channel] = nil }
            }
            waiting.seeking[ObjectIdentifier(waiter)] = nil
        }
    }

    /// Something new is in the log, or may be. Called with each batch; where nobody waits it does nothing.
    /// - Parameter channels: nil for all.
    package func signal(_ channels: [ChannelName]?) {
        let due = self.waiting.withLock { waiting -> [HistoryWaiter] in
            if waiting.waiters.isEmpty && waiting.seeking.isEmpty { return [] }
            guard let channels else { return waiting.all }
            let seeking = waiting.seeking.values.filter { seeking in channels.contains { seeking.selection.finds($0) } }
            return channels.flatMap { channel in waiting.waiters[channel].map { Array($0.values) } ?? [] }
                + seeking.map(\.waiter)
        }
        for waiter in due { waiter.signal() }
    }

    /// The relay shuts down: nobody waits any more, nor will.
    package func end() {
        let all = self.waiting.withLock { waiting in
            waiting.hasEnded = true
            return waiting.all
        }
        for waiter in all { waiter.end() }
    }

    package var count: Int { self.waiting.withLock { $0.all.count } }
}

extension ChannelWaiters.Waiting {
    /// Each once.
    fileprivate var all: [HistoryWaiter] {
        var all = self.seeking.mapValues(\.waiter)
        for waiters in self.waiters.values { all.merge(waiters) { first, _ in first } }
        return Array(all.values)
    }
}
