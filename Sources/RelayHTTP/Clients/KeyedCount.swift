/// How many there are of each key, up to a limit. It remembers only keys of which there are some.
package struct KeyedCount<Key: Hashable & Sendable>: Sendable {
    private let limit: Int
    private var counts: [Key: Int] = [:]

    package init(limit: Int) {
        self.limit = limit
    }

    package var keysRemembered: Int { self.counts.count }

    /// One more, unless the limit is reached. Whoever enters leaves once.
    package mutating func enter(_ key: Key) -> Bool {
        let count = self.counts[key] ?? 0
        guard count < self.limit else { return false }
        self.counts[key] = count + 1
        return true
    }

    package mutating func leave(_ key: Key) {
        guard let count = self.counts[key] else { preconditionFailure("one leaves that has not entered") }
        self.counts[key] = count > 1 ? count - 1 : nil
    }
}
