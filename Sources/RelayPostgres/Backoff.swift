/// How long to wait before the next attempt: doubling, capped, with jitter, so that many relays don't come at once.
package struct Backoff: Sendable, Equatable {
    package var first: Duration
    package var cap: Duration

    /// Soon enough for a restart of PostgreSQL, seldom enough for a server that is down for a day.
    package static let standard = Backoff(first: .milliseconds(100), cap: .seconds(10))

    package init(first: Duration, cap: Duration) {
        self.first = first
        self.cap = cap
    }

    /// - Parameters:
    ///   - failures: attempts that failed in a row, from 1 on.
    ///   - jitter: 0 ≤ jitter < 1; the delay lies between a half and the whole of the step.
    package func delay(after failures: Int, jitter: Double) -> Duration {
        // 2^16 steps are beyond any cap.
        let step = min(self.first * (1 << min(failures - 1, 16)), self.cap)
        return step / 2 + step / 2 * jitter
    }
}
