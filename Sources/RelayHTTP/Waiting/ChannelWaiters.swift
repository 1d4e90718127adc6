package import RelayCore
import Synchronization

/// The requests that wait, by channel. There are no more of them than HTTP connections, nor than clients.
package final class ChannelWaiters: Sendable {
    private struct Waiting {
        var waiters: [ChannelName: [ObjectIdentifier: Waiter]] = [:]
        var hasEnded = false
    }

    private let waiting = Mutex(Waiting())

    package init() {}

    /// One more for the channel, to be removed once.
    package func add(to channel: ChannelName) -> Waiter {
        let waiter = Waiter()
        let hasEnded = self.waiting.withLock { waiting in
            if !waiting.hasEnded { waiting.waiters[channel, default: [:]][ObjectIdentifier(waiter)] = waiter }
            return waiting.hasEnded
        }
        if hasEnded { waiter.end() }
        return waiter
    }

    package func remove(_ waiter: Waiter, from channel: ChannelName) {
        self.waiting.withLock { waiting in
            waiting.waiters[channel]?[ObjectIdentifier(waiter)] = nil
            if waiting.waiters[channel]?.isEmpty == true { waiting.waiters[channel] = nil }
        }
    }

    /// Something new is in the log, or may be. Called with each batch; where nobody waits it does nothing.
    /// - Parameter channels: nil for all.
    package func signal(_ channels: [ChannelName]?) {
        let due = self.waiting.withLock { waiting -> [Waiter] in
            if waiting.waiters.isEmpty { return [] }
            let channels = channels ?? Array(waiting.waiters.keys)
            return channels.flatMap { channel in waiting.waiters[channel].map { Array($0.values) } ?? [] }
        }
        for waiter in due { waiter.signal() }
    }

    /// The relay shuts down: nobody waits any more, nor will.
    package func end() {
        let all = self.waiting.withLock { waiting in
            waiting.hasEnded = true
            return waiting.waiters.values.flatMap(\.values)
        }
        for waiter in all { waiter.end() }
    }

    package var count: Int { self.waiting.withLock { $0.waiters.values.reduce(0) { $0 + $1.count } } }
}
