import RelayCore

/// Keeps the log within its retention: evicts the oldest events, and moves the floors of their channels, in the
/// transaction that is under way.
final class RingLogEvictor {
    /// What is known of the tables without asking them.
    private struct Counts {
        var events = 0
        var evictedThrough = EventID.zero
        var bytesSinceCheck = 0
    }

    private let connection: SQLiteConnection
    private let retention: Retention
    private let evictedByChannel: SQLiteStatement
    private let deleteThrough: SQLiteStatement
    private let raiseFloor: SQLiteStatement
    private let usedPages: SQLiteStatement
    private let arrivals: SQLiteStatement

    private var counts = Counts()
    /// Before the transaction that is under way.
    private var countsBefore = Counts()
    /// Events up to this id came while the clock was ahead, as far as was looked.
    private var aheadThrough = EventID.zero
    /// Only kept where a limit for each channel is set.
    private var countByChannel: [Int64: Int] = [:]
    /// Of the channels that the transaction under way has changed; a copy of all would cost each transaction too much.
    private var countByChannelBefore: [Int64: Int] = [:]
    private var touchedChannels: Set<Int64> = []

    static let pageSize: Int64 = 4096
    /// The size of the file is looked at after so many appended bytes, 1/16 of the smallest limit allowed.
    private static let bytesBetweenChecks = 64 << 10
    /// Events evicted in one transaction, so that a limit that was lowered stops nobody for long. What is left is due at
    /// the next append or tick; what age evicts, at the next tick.
    private static let evictedAtOnce = 20_000
    /// An event that came so much later than now came while the clock was ahead.
    private static let plausibleLead = Duration.seconds(60)
    /// Free pages given back to the file system at once (4 MiB), so that no append waits long.
    private static let shrinkAtOnce: Int64 = 1024

    init(_ connection: SQLiteConnection, retention: Retention) throws {
        self.connection = connection
        self.retention = retention
        self.evictedByChannel = try connection.prepare(
            """
            SELECT channel_id, count(*), max(id)
            FROM (SELECT id, channel_id FROM event WHERE id <= ?2 ORDER BY id LIMIT ?1) GROUP BY channel_id
            """
        )
        self.deleteThrough = try connection.prepare("DELETE FROM event WHERE id <= ?1")
        self.raiseFloor = try connection.prepare(
            "UPDATE channel SET evicted_through = ?2, evicted = evicted + ?3 WHERE id = ?1"
        )
        self.usedPages = try connection.prepare(
            "SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count"
        )
        self.arrivals = try connection.prepare(
            "SELECT id, id - ahead FROM event WHERE id > ?1 ORDER BY id LIMIT ?2"
        )
        try self.readCounts()
    }

    /// Events in the log.
    var count: Int { self.counts.events }

    /// Events up to this id may have been evicted, of whatever channel.
    var evictedThrough: EventID { self.counts.evictedThrough }

    /// From the tables, which takes long in a large log.
    private func readCounts() throws {
        self.counts.events = Int(try self.connection.integer("SELECT count(*) FROM event") ?? 0)
        let evictedThrough = try self.connection.integer(
            """
            SELECT max(forgotten_through, coalesce((SELECT max(evicted_through) FROM channel), 0)) FROM meta
            """
        )
        self.counts.evictedThrough = EventID(evictedThrough ?? 0)
        self.counts.bytesSinceCheck = Self.bytesBetweenChecks
        guard self.retention.maximumEventsPerChannel != nil else { return }
        try self.connection.prepare("SELECT channel_id, count(*) FROM event GROUP BY channel_id").eachRow { row in
            self.countByChannel[row.integer(0)] = Int(row.integer(1))
            self.touchedChannels.insert(row.integer(0))
            return true
        }
    }

    /// If the transaction fails, `transactionFailed` is to follow.
    func transactionBegins() {
        self.countsBefore = self.counts
        self.countByChannelBefore.removeAll(keepingCapacity: true)
    }

    /// The tables are as before the transaction, and so is what is known of them.
    func transactionFailed() {
        self.counts = self.countsBefore
        for (channel, count) in self.countByChannelBefore {
            self.countByChannel[channel] = count == 0 ? nil : count
            self.touchedChannels.insert(channel)
        }
    }

    func appended(_ event: Event, channel: Int64) {
        self.counts.events += 1
        self.counts.bytesSinceCheck += event.payload.bytes.count + 64
        if self.retention.maximumEventsPerChannel != nil {
            self.count(1, of: channel)
            self.touchedChannels.insert(channel)
        }
    }

    private func count(_ more: Int, of channel: Int64) {
        let count = self.countByChannel[channel] ?? 0
        if self.countByChannelBefore[channel] == nil { self.countByChannelBefore[channel] = count }
        // A channel without events may be forgotten.
        self.countByChannel[channel] = count + more == 0 ? nil : count + more
    }

    /// What exceeds the limits by number and by bytes. To be called after the inserts of each transaction.
    func evictSurplus() throws {
        try self.evictSurplusPerChannel()
        let surplus = Retention.surplus(of: self.count, over: self.retention.maximumEvents)
        if surplus > 0 { try self.evictOldest(min(surplus, Self.evictedAtOnce)) }
        try self.evictSurplusBytes()
    }

    private func evictSurplusPerChannel() throws {
        guard let limit = self.retention.maximumEventsPerChannel else { return }
        var budget = Self.evictedAtOnce
        for channel in self.touchedChannels {
            let surplus = Retention.surplus(of: self.countByChannel[channel] ?? 0, over: limit)
            let some = min(surplus, budget)
            if some > 0 { try self.evict(some, of: channel) }
            if some == surplus { self.touchedChannels.remove(channel) }
            budget -= some
        }
    }

    private func evictSurplusBytes() throws {
        guard self.counts.bytesSinceCheck >= Self.bytesBetweenChecks else { return }
        self.counts.bytesSinceCheck = 0
        guard try self.usedBytes() > self.retention.maximumBytes else { return }
        let target = Retention.target(of: self.retention.maximumBytes)
        var evicted = 0
        while self.count > 0, try self.usedBytes() > target {
            if evicted >= Self.evictedAtOnce {
                self.counts.bytesSinceCheck = Self.bytesBetweenChecks
                return
            }
            let some = min(max(1, self.count / 64), Self.evictedAtOnce)
            try self.evictOldest(some)
            evicted += some
        }
    }

    private func usedBytes() throws -> Int64 {
        try self.usedPages.first { $0.integer(0) * Self.pageSize } ?? 0
    }

    /// What is older than the limit. Time of arrival counts, not the id, which may run ahead.
    ///
    /// What came while the clock was ahead is as old as what came after it, and goes with that; by itself it says
    /// nothing, since it may be the present clock that is behind.
    func evictAged(now: Timestamp) throws {
        guard let maximumAge = self.retention.maximumAge else { return }
        let oldestKept = now.microseconds - maximumAge.microseconds
        let newestPlausible = now.advanced(by: Self.plausibleLead).microseconds
        var (seen, agedThrough) = (0, EventID.zero)
        try self.arrivals.eachRow {
            $0.bind(1, self.aheadThrough)
            $0.bind(2, Int64(Self.evictedAtOnce))
        } row: { row in
            seen += 1
            if row.integer(1) < oldestKept {
                agedThrough = row.id(0)
            } else if row.integer(1) > newestPlausible {
                // What is aged is found again until all of it is gone.
                if agedThrough == .zero { self.aheadThrough = row.id(0) }
            } else {
                return false
            }
            return true
        }
        // All of them were looked at: next time from the beginning, as the clock goes on.
        if seen == 0 { self.aheadThrough = .zero }
        if agedThrough > .zero { try self.evictOldest(Self.evictedAtOnce, through: agedThrough) }
    }

    private func evictOldest(_ number: Int, through end: EventID = .limit) throws {
        var evicted: [(channel: Int64, count: Int, through: EventID)] = []
        try self.evictedByChannel.eachRow {
            $0.bind(1, Int64(number))
            $0.bind(2, end)
        } row: { row in
            evicted.append((row.integer(0), Int(row.integer(1)), row.id(2)))
            return true
        }
        guard let through = evicted.map(\.through).max() else { return }
        try self.deleteThrough.run { $0.bind(1, through) }
        for (channel, count, through) in evicted {
            try self.noteEviction(of: count, through: through, channel: channel)
        }
    }

    private func evict(_ number: Int, of channel: Int64) throws {
        let through = try self.connection.integer(
            "SELECT id FROM event WHERE channel_id = \(channel) ORDER BY id LIMIT 1 OFFSET \(number - 1)"
        )
        guard let through else { return }
        try self.connection.execute("DELETE FROM event WHERE channel_id = \(channel) AND id <= \(through)")
        try self.noteEviction(of: number, through: EventID(through), channel: channel)
    }

    private func noteEviction(of number: Int, through: EventID, channel: Int64) throws {
        try self.raiseFloor.run {
            $0.bind(1, channel)
            $0.bind(2, through)
            $0.bind(3, Int64(number))
        }
        self.counts.events -= number
        if self.retention.maximumEventsPerChannel != nil { self.count(-number, of: channel) }
        self.counts.evictedThrough = max(self.counts.evictedThrough, through)
    }

    /// Gives free pages back when the limit was lowered since: in normal running the next appends use them.
    func shrinkFile() throws {
        let size = try self.connection.integer("PRAGMA page_count").map { $0 * Self.pageSize } ?? 0
        guard size > self.retention.maximumBytes else { return }
        try self.connection.execute("PRAGMA incremental_vacuum(\(Self.shrinkAtOnce))")
    }
}
