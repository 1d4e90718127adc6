import Synchronization

/// A table by keys in several parts, each with a lock of its own: while one part is looked through, or many connect at
/// once, the event loops don't all wait for the same lock.
final class Sharded<Key: Hashable & Sendable, Table: Sendable>: Sendable {
    private final class Part: Sendable {
        let table: Mutex<Table>

        init(_ table: Table) { self.table = Mutex(table) }
    }

    private let parts: [Part]

    /// Of parts: more than there are event loops on most machines.
    private static var count: Int { 16 }

    /// - Parameter make: makes the table of one part, given how many there are.
    init(_ make: (_ parts: Int) -> Table) {
        self.parts = (0..<Self.count).map { _ in Part(make(Self.count)) }
    }

    /// Hashes are seeded anew in each process, so nobody can choose keys that fall into one part.
    func withTable<Result>(of key: Key, _ body: (inout Table) -> Result) -> Result {
        let part = self.parts[Int(UInt(bitPattern: key.hashValue) % UInt(Self.count))]
        return part.table.withLock { body(&$0) }
    }
}
