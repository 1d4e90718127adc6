import Synchronization

/// One request that waits for something new in its channel.
///
/// A signal is kept until it is waited for: so who is made first, then looks at the log, and then waits, misses nothing
/// that came after the look.
package final class HistoryWaiter: Sendable {
    private enum State {
        /// Nothing has come since the last wait.
        case quiet
        case signalled
        case waiting(CheckedContinuation<Void, Never>)
        /// There is nothing more to wait for.
        case over
    }

    private let state = Mutex(State.quiet)

    package init() {}

    package var isOver: Bool {
        self.state.withLock { if case .over = $0 { true } else { false } }
    }

    /// Returns when something has come since the last call, or since it was made; at once when it is over. One call at
    /// a time.
    package func next() async {
        await withCheckedContinuation { continuation in
            let resumeNow = self.state.withLock { state in
                switch state {
                case .quiet:
                    state = .waiting(continuation)
                    return false
                case .signalled:
                    state = .quiet
                    return true
                case .over:
                    return true
                case .waiting:
                    preconditionFailure("two wait for one signal")
                }
            }
            if resumeNow { continuation.resume() }
        }
    }

    package func signal() {
        self.resume { state in
            switch state {
            case .quiet, .signalled: .signalled
            case .waiting: .quiet
            case .over: .over
            }
        }
    }

    package func end() {
        self.resume { _ in .over }
    }

    /// Whoever waits goes on.
    private func resume(becoming next: (State) -> State) {
        let continuation = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
            defer { state = next(state) }
            if case .waiting(let continuation) = state { return continuation }
            return nil
        }
        continuation?.resume()
    }
}
