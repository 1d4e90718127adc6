import Synchronization

/// What a background reader hands to a test, in order: the test waits for the next element, and no longer than it said.
package final class Inbox<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var isFinished = false
        var waiter: (ticket: Int, continuation: CheckedContinuation<Void, Never>)?
        var tickets = 0
    }

    private let state = Mutex(State())

    package init() {}

    package func put(_ element: Element) {
        let waiter = self.state.withLock { state in
            state.elements.append(element)
            return state.waiter.take()
        }
        waiter?.continuation.resume()
    }

    package func finish() {
        let waiter = self.state.withLock { state in
            state.isFinished = true
            return state.waiter.take()
        }
        waiter?.continuation.resume()
    }

    /// The next element; nil when there will be none.
    /// - Throws: `TimedOut` if none came in time.
    package func next(within timeout: Duration = .seconds(30)) async throws -> Element? {
        let deadline = ContinuousClock.now + timeout
        while true {
            let (element, isFinished) = self.state.withLock { state in
                (state.elements.isEmpty ? nil : state.elements.removeFirst(), state.isFinished)
            }
            if let element { return element }
            if isFinished { return nil }
            if ContinuousClock.now >= deadline { throw TimedOut(timeout) }
            await self.waitForChange(until: deadline)
        }
    }

    /// What is there now, without waiting.
    package func takeAll() -> [Element] {
        self.state.withLock { state in
            defer { state.elements = [] }
            return state.elements
        }
    }

    private func waitForChange(until deadline: ContinuousClock.Instant) async {
        let ticket = self.state.withLock { state in
            state.tickets += 1
            return state.tickets
        }
        let alarm = Task {
            try await Task.sleep(until: deadline)
            let waiter = self.state.withLock { $0.waiter?.ticket == ticket ? $0.waiter.take() : nil }
            waiter?.continuation.resume()
        }
        await withCheckedContinuation { continuation in
            let resumeNow = self.state.withLock { state in
                if !state.elements.isEmpty || state.isFinished { return true }
                state.waiter = (ticket, continuation)
                return false
            }
            if resumeNow { continuation.resume() }
        }
        alarm.cancel()
    }
}

package struct TimedOut: Error, CustomStringConvertible {
    package let timeout: Duration

    package init(_ timeout: Duration) { self.timeout = timeout }

    package var description: String { "nothing came within \(self.timeout)" }
}
