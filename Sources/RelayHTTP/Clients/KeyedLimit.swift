/// How many there are of each key, up to a limit, counted by all event loops.
struct KeyedLimit<Key: Hashable & Sendable>: Sendable {
    let limit: Int
    private let counts: Sharded<Key, KeyedCount<Key>>

    init(_ limit: Int) {
        self.limit = limit
        self.counts = Sharded { _ in KeyedCount(limit: limit) }
    }

    /// One more, unless the limit is reached. Whoever enters leaves once.
    func enter(_ key: Key) -> Bool { self.counts.withTable(of: key) { $0.enter(key) } }

    func leave(_ key: Key) { self.counts.withTable(of: key) { $0.leave(key) } }
}
