import Synchronization

/// How many clients, or connections, there are and may be.
package final class ClientCounter: Sendable {
    package let limit: Int
    private let current = Atomic(0)

    package init(limit: Int) {
        self.limit = limit
    }

    package var count: Int { self.current.load(ordering: .relaxed) }

    /// One more, unless the limit is reached. Whoever enters leaves once.
    func enter() -> Bool {
        if self.current.wrappingAdd(1, ordering: .relaxed).oldValue < self.limit { return true }
        self.leave()
        return false
    }

    func leave() {
        self.current.wrappingSubtract(1, ordering: .relaxed)
    }
}
