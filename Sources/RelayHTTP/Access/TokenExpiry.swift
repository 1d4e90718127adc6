package import NIOCore
package import RelayCore

/// Tells when a token that let a connection in does not count any more. It lives on the connection's event loop.
package final class TokenExpiry {
    /// Between looks at the clock, however far away the end is: the time of day may step, and event loops count in
    /// nanoseconds.
    package static let longestWait = TimeAmount.hours(1)

    private let end: Timestamp
    private let clock: ServerClock
    private var timer: Scheduled<Void>?

    package init(at end: Timestamp, clock: ServerClock) {
        self.end = end
        self.clock = clock
    }

    /// - Parameter expired: called once, unless `cancel` comes first.
    func start(on eventLoop: any EventLoop, expired: @escaping () -> Void) {
        let left = self.end.microseconds - self.clock.now().microseconds
        let wait = min(max(0, left), Self.longestWait.nanoseconds / 1000)
        self.timer = eventLoop.assumeIsolated().scheduleTask(in: .microseconds(wait)) {
            if self.clock.now() >= self.end { expired() } else { self.start(on: eventLoop, expired: expired) }
        }
    }

    func cancel() {
        self.timer.take()?.cancel()
    }
}
