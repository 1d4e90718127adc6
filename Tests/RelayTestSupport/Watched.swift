import Synchronization

extension Duration {
    /// How long tests wait unless they say otherwise: much longer than anything takes on a busy machine under a sanitizer,
    /// and less than the shortest time limit of a suite, a minute, so that the wait that is in vain is the one reported.
    package static let patience = Duration.seconds(50)
}

package struct TimedOut: Error, CustomStringConvertible {
    package let timeout: Duration

    package init(_ timeout: Duration) { self.timeout = timeout }

    package var description: String { "nothing came within \(self.timeout)" }
}

/// A value that changes on any thread, and that a test can wait for instead of sleeping.
package final class Watched<Value: Sendable>: Sendable {
    private struct Waiter {
        let ticket: Int
        let isDue: @Sendable (Value) -> Bool
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var value: Value
        var waiters: [Waiter] = []
        var tickets = 0
    }

    private let state: Mutex<State>

    package init(_ value: Value) {
        self.state = Mutex(State(value: value))
    }

    package var value: Value { self.state.withLock { $0.value } }

    @discardableResult
    package func change<Result: Sendable>(_ body: @Sendable (inout Value) -> Result) -> Result {
        let (result, due) = self.state.withLock { state in
            let result = body(&state.value)
            let due = state.waiters.filter { $0.isDue(state.value) }
            state.waiters.removeAll { waiter in due.contains { $0.ticket == waiter.ticket } }
            return (result, due)
        }
        for waiter in due { waiter.continuation.resume() }
        return result
    }

    /// Waits until the value is as wanted.
    /// - Throws: `TimedOut`, or `CancellationError`, so that a test's time limit ends a wait that is in vain.
    @discardableResult
    package func when(
        within timeout: Duration = .patience,
        _ isDue: @escaping @Sendable (Value) -> Bool
    ) async throws -> Value {
        let ticket = self.state.withLock { state in
            state.tickets += 1
            return state.tickets
        }
        let alarm = Mutex<Task<Void, any Error>?>(nil)
        defer { alarm.withLock { $0?.cancel() } }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let isWaiting = self.state.withLock { state in
                    if isDue(state.value) || Task.isCancelled { return false }
                    state.waiters.append(Waiter(ticket: ticket, isDue: isDue, continuation: continuation))
                    return true
                }
                guard isWaiting else { return continuation.resume() }
                // Set only now that somebody waits: an alarm before that would wake nobody, and none would follow.
                alarm.withLock { alarm in
                    alarm = Task {
                        try await Task.sleep(for: timeout)
                        self.giveUp(ticket, TimedOut(timeout))
                    }
                }
            }
        } onCancel: {
            self.giveUp(ticket, CancellationError())
        }
        try Task.checkCancellation()
        return self.value
    }

    private func giveUp(_ ticket: Int, _ error: any Error) {
        let waiter = self.state.withLock { state in
            let index = state.waiters.firstIndex { $0.ticket == ticket }
            return index.map { state.waiters.remove(at: $0) }
        }
        waiter?.continuation.resume(throwing: error)
    }
}
