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
        /// Whom it concerns; nil for all.
        let channels: [ChannelName]?

        func concerns(_ selection: ChannelSelection) -> Bool {
            self.channels?.contains { selection.finds($0) } ?? true
        }
    }

    /// The newest id fanned out on this loop. Who has seen it and is added now misses nothing.
    package private(set) var head: EventID
    private var tail = Queue<TailItem>()
    private var tailBytes = 0
    /// How many batches have left the tail. A batch's number is how many came before it.
    private var leftCount = 0
    /// The numbers of the batches in the tail, by the channel that they concern; those that concern all under nil. Without
    /// it who follows a quiet channel would have to look at every batch of the others.
    private var numbers: [ChannelName?: Queue<Int>] = [:]
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

    /// - Parameter channels: whom the batch concerns, each once; nil for all.
    package mutating func batchAppended(
        _ batch: Batch,
        of channels: [ChannelName]?,
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
        let number = self.leftCount + self.tail.count
        for key in Self.keys(of: channels) { self.numbers[key, default: Queue()].append(number) }
        self.tail.append(TailItem(after: after, last: last, bytes: bytes, batch: batch, channels: channels))
        self.tailBytes += bytes
        self.logStands(at: standing)
    }

    /// What was set aside was written, or forgotten.
    package mutating func logStands(at standing: LogStanding) {
        self.standing.advance(to: standing)
        while self.tail.count > 1, self.tail[0].last <= self.standing.keptAfter,
            self.tailBytes > self.tailCapacity || self.tail[0].last <= self.evictedThrough
        {
            self.dropOldest()
        }
    }

    private mutating func dropOldest() {
        guard let oldest = self.tail.popFirst() else { return }
        self.tailBytes -= oldest.bytes
        self.leftCount += 1
        for key in Self.keys(of: oldest.channels) {
            self.numbers[key]?.popFirst()
            if self.numbers[key]?.isEmpty == true { self.numbers[key] = nil }
        }
    }

    private static func keys(of channels: [ChannelName]?) -> [ChannelName?] {
        channels?.map(Optional.some) ?? [nil]
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

    /// The oldest batch with entries after `cursor` that concerns one of the channels, and its last id; nil if there is
    /// none up to the head. The cursor must be `inTail`.
    package func tailBatch(after cursor: EventID, of selection: ChannelSelection) -> (batch: Batch, last: EventID)? {
        var number = self.firstNumber(after: cursor, under: nil)
        func take(_ channel: ChannelName) {
            guard let other = self.firstNumber(after: cursor, under: channel) else { return }
            number = min(number ?? other, other)
        }
        for channel in selection.names { take(channel) }
        if !selection.patterns.isEmpty {
            // One batch after the other, as far as that: over a whole catch-up, each once.
            let start = self.leftCount + self.tail.place { $0.last > cursor }
            let end = number ?? self.leftCount + self.tail.count
            let found = (start..<end).first { self.tail[$0 - self.leftCount].concerns(selection) }
            number = found ?? number
        }
        guard let number else { return nil }
        let item = self.tail[number - self.leftCount]
        return (item.batch, item.last)
    }

    private func firstNumber(after cursor: EventID, under channel: ChannelName?) -> Int? {
        guard let numbers = self.numbers[channel] else { return nil }
        let place = numbers.place { self.tail[$0 - self.leftCount].last > cursor }
        return place < numbers.count ? numbers[place] : nil
    }
}
