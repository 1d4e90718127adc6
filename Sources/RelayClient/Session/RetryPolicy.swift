/// What follows the end of a connection: another one, after a while, or nothing.
package struct RetryPolicy: Sendable {
    package enum Decision: Sendable, Equatable {
        case wait(Duration)
        /// Asking again would be answered in the same way.
        case give(up: Refused)
    }

    /// The first wait is at most so long, each further one twice as long, and at least half of that.
    package var first: Duration
    package var cap: Duration

    /// From half a second, in which a relay may have started again, to half a minute, which many clients of a relay that is
    /// down for a day can keep up. The same as the JavaScript client's.
    package static let standard = RetryPolicy(first: .milliseconds(500), cap: .seconds(30))

    /// Who is told to come back later waits so long at the most: what a header says comes from anyone on the way.
    package static let maximumRetryAfter = Duration.seconds(300)

    package init(first: Duration, cap: Duration) {
        self.first = first
        self.cap = cap
    }

    /// - Parameters:
    ///   - failures: connections that ended in a row without having come to `live`, from 1 on.
    ///   - jitter: 0 ≤ jitter < 1, so that many clients don't come back at once.
    package func decide(on loss: Loss, failures: Int, jitter: Double) -> Decision {
        // 2^16 steps are beyond any cap.
        let step = min(self.first * (1 << min(max(failures, 1) - 1, 16)), self.cap)
        let wait = step / 2 + step / 2 * jitter
        switch loss {
        case .refused(let refusal):
            switch refusal.status {
            // A request that was late or early, or too many of them: nothing is wrong with what is asked for.
            case 408, 425, 429: break
            case 400..<500 where refusal.isProblem:
                return .give(up: Refused(status: refusal.status, detail: refusal.detail))
            default: break
            }
            return .wait(max(wait, min(refusal.retryAfter ?? .zero, Self.maximumRetryAfter)))
        case .asked:
            return .wait(.zero)
        case .failed, .closed, .silent, .unintelligible, .overrun:
            return .wait(wait)
        }
    }
}
