import Synchronization

/// A value that changes on any thread, and that a test can wait for instead of sleeping.
package final class Watched<Value: Sendable>: Sendable {
    private struct Waiter {
        let ticket: Int
        let isDue: @Sendable (Value) -> Bool
        let continuation: CheckedContinuation<Void, Never>
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
    /// - Throws: `CancellationError`, so that a test's time limit ends a wait that is in vain.
    @discardableResult
    package func when(_ isDue: @escaping @Sendable (Value) -> Bool) async throws -> Value {
        let ticket = self.state.withLock { state in
            state.tickets += 1
            return state.tickets
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let resumeNow = self.state.withLock { state in
                    if isDue(state.value) || Task.isCancelled { return true }
                    state.waiters.append(Waiter(ticket: ticket, isDue: isDue, continuation: continuation))
                    return false
                }
                if resumeNow { continuation.resume() }
            }
        } onCancel: {
            let waiter = self.state.withLock { state in
                let index = state.waiters.firstIndex { $0.ticket == ticket }
                return index.map { state.waiters.remove(at: $0) }
            }
            waiter?.continuation.resume()
        }
        try Task.checkCancellation()
        return self.value
    }
}
