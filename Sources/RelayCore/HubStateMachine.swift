/// Where a cursor stands, seen from one event loop.
package enum HubPosition: Equatable, Sendable {
    /// It has seen all that the loop has fanned out.
    case atHead
    /// All that follows it is in the tail.
    case inTail
    /// The log has to be read.
    case belowTail
    /// What follows it, up to this id, was neither written to the log nor kept.
    case lost(through: EventID)
}

/// What one event loop has fanned out: its newest id, and the tail, the newest batches kept in memory.
///
/// The tail is what closes the seam between replay and live. A page of the log is always a little behind; from its end
/// a subscriber is carried to the head through the tail, in one step on the event loop, during which nothing can be
/// fanned out. Without it a subscriber could run after a busy log for ever.
package struct HubStateMachine<Batch: Sendable>: Sendable {
    private struct TailItem {
        let after: EventID
        let last: EventID
        let bytes: Int
        let batch: Batch
    }

    /// The newest id fanned out on this loop. Who has seen it and is added now misses nothing.
    package private(set) var head: EventID
    private var tail: [TailItem] = []
    private var tailBytes = 0
    private let tailCapacity: Int
    /// Events up to it may be gone from the log, so the tail doesn't give them either: retention is a promise too.
    package private(set) var evictedThrough = EventID.zero
    /// What of the tail is not in the log stays in the tail; the log bounds how much that can be.
    private var standing: LogStanding

    /// - Parameters:
    ///   - head: the newest id of the log before the first batch.
    ///   - tailCapacity: bytes of batches kept, as told to `batchAppended`; the newest batch is always kept, and so is
    ///     what was set aside.
    package init(head: EventID, tailCapacity: Int) {
        self.head = head
        self.tailCapacity = tailCapacity
        self.standing = LogStanding(writtenThrough: head)
    }

    /// Where the gap begins for what is `lost`.
    package var lostAfter: EventID { self.standing.lostAfter }

    /// How far the log can be read.
    package var readableThrough: EventID { min(self.head, self.standing.writtenThrough) }

    package mutating func batchAppended(
        _ batch: Batch,
        after: EventID,
        last: EventID,
        bytes: Int,
        evictedThrough: EventID,
        standing: LogStanding
    ) {
        precondition(after == self.head, "a batch does not follow the one before it")
        precondition(last > after, "a batch without a new id")
        self.head = last
        self.evictedThrough = max(self.evictedThrough, evictedThrough)
        self.tail.append(TailItem(after: after, last: last, bytes: bytes, batch: batch))
        self.tailBytes += bytes
        self.logStands(at: standing)
    }

    /// What was set aside was written, or forgotten.
    package mutating func logStands(at standing: LogStanding) {
        self.standing.advance(to: standing)
        var surplus = 0
        while surplus < self.tail.count - 1, self.tail[surplus].last <= self.standing.keptAfter,
            self.tailBytes > self.tailCapacity || self.tail[surplus].last <= self.evictedThrough
        {
            self.tailBytes -= self.tail[surplus].bytes
            surplus += 1
        }
        self.tail.removeFirst(surplus)
    }

    package func position(of cursor: EventID) -> HubPosition {
        precondition(cursor <= self.head, "a cursor from the future")
        if cursor == self.head { return .atHead }
        // Before the first batch there is no tail.
        guard let oldest = self.tail.first else { return .belowTail }
        if cursor >= max(oldest.after, self.evictedThrough) { return .inTail }
        // All that was set aside and is kept is in the tail, so between the log's end and the tail nothing is left. (What
        // is evicted was written, so a cursor that is here lies before the tail and not within it.)
        return cursor < self.standing.writtenThrough ? .belowTail : .lost(through: oldest.after)
    }

    /// The oldest batch with entries after `cursor`, and its last id. The cursor must be `inTail`.
    package func tailBatch(after cursor: EventID) -> (batch: Batch, last: EventID) {
        var low = 0
        var high = self.tail.count - 1
        while low < high {
            let middle = (low + high) / 2
            if self.tail[middle].last > cursor { high = middle } else { low = middle + 1 }
        }
        precondition(self.tail[low].last > cursor, "a cursor that is not in the tail")
        return (self.tail[low].batch, self.tail[low].last)
    }
}
