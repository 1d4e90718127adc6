import Glibc
import RelayCore

/// The one connection that writes: appends, evicts, gives the ids. Used from one thread.
final class RingLogWriter {
    let identity: LogIdentity

    private let path: String
    private let lock: LogFileLock
    private let clock: ServerClock
    private let connection: SQLiteConnection
    private let statements: RingLogStatements
    private let evictor: RingLogEvictor
    private var ids: EventIDSequence
    private var channels: [ChannelName: ChannelRow]
    /// What is kept in memory of the tables may differ from them, since a transaction failed half-way.
    private var isStale = false
    /// Somebody reads the file in one long transaction, and the write-ahead log can't be emptied.
    private var walIsTooLarge = false

    private struct ChannelRow {
        let rowID: Int64
        var isRecording: Bool
    }

    /// How long an append waits for a lock that somebody's sqlite3 shell holds before it fails and is tried again.
    private static let busyTimeout = Duration.milliseconds(50)
    /// Stored gaps at the most. A relay whose database flaps once a minute gets there in a week.
    private static let maximumGaps = 10_000
    /// Of the write-ahead log, four times what it is emptied at. Beyond it appends wait, and PostgreSQL keeps the events.
    private static let maximumWALBytes: Int64 = 256 << 20
    /// At the start and the end, when nothing else waits.
    private static let patience = Duration.seconds(5)

    init(path: String, lock: LogFileLock, retention: Retention, clock: ServerClock) throws {
        self.path = path
        self.lock = lock
        self.clock = clock
        self.connection = try RingLogConnection.open(path: path, busyTimeout: Self.patience)
        try Migrator(path: path).prepare(self.connection)
        let kept = lock.highWater
        self.identity = try RingLogIdentification.identify(self.connection, path: path, kept: kept, now: clock.now())
        if kept ?? .zero < self.identity.last { try lock.keep(self.identity.last) }
        self.statements = try RingLogStatements(self.connection)
        self.evictor = try RingLogEvictor(self.connection, retention: retention)
        self.ids = EventIDSequence(last: self.identity.last, highWater: self.identity.last)
        self.channels = try Self.channels(self.connection)
        self.connection.setBusyTimeout(Self.busyTimeout)
    }

    private static func channels(_ connection: SQLiteConnection) throws -> [ChannelName: ChannelRow] {
        var channels: [ChannelName: ChannelRow] = [:]
        try connection.prepare("SELECT name, id, recording FROM channel").eachRow { row in
            if let name = try? ChannelName(row.text(0)) {
                channels[name] = ChannelRow(rowID: row.integer(1), isRecording: row.integer(2) == 1)
            }
            return true
        }
        return channels
    }

    /// A write transaction. When it fails the tables are as before, and what is kept in memory is read anew next time.
    private func transaction<Result>(_ body: () throws -> Result) throws -> Result {
        if self.isStale {
            self.channels = try Self.channels(self.connection)
            try self.evictor.reload()
            self.isStale = false
        }
        let result = try self.connection.transaction("BEGIN IMMEDIATE") {
            // From here on; a transaction that could not begin has changed nothing.
            self.isStale = true
            return try body()
        }
        self.isStale = false
        return result
    }

    // MARK: - Appending

    func append(_ writes: [LogWrite], expecting last: EventID) throws -> AppendOutcome {
        guard last == self.ids.last else { return .conflict(last: self.ids.last) }
        if self.walIsTooLarge { throw RingLogHeldOpen(path: self.path) }
        let now = self.clock.now()
        if let mark = self.ids.markNeeded(for: writes.count, at: now) {
            try self.reserve(through: mark)
        }
        var ids = self.ids
        let entries = try self.transaction {
            let entries = try self.insert(writes, ids: &ids, now: now)
            try self.evictor.evictSurplus()
            return entries
        }
        self.ids = ids
        return .appended(
            AppendedBatch(after: last, last: ids.last, entries: entries, evictedThrough: self.evictor.evictedThrough)
        )
    }

    private func insert(_ writes: [LogWrite], ids: inout EventIDSequence, now: Timestamp) throws -> [LogEntry] {
        var entries: [LogEntry] = []
        entries.reserveCapacity(writes.count)
        for write in writes {
            switch write {
            case .event(let notification):
                let row = try self.row(of: notification.channel)
                let event = Event(
                    id: ids.next(at: now),
                    channel: notification.channel,
                    time: now,
                    payload: notification.payload
                )
                try self.statements.insert(event, channel: row.rowID)
                self.evictor.appended(event, channel: row.rowID)
                entries.append(.event(event))
            case .gap(let reason, let after):
                let after = after ?? ids.last
                let id = ids.next(at: now)
                entries.append(try self.insertGap(id: id, channel: nil, after: after, reason, now: now))
            case .recordingStarted(let channel):
                let row = try self.row(of: channel)
                if row.isRecording { continue }
                let after = try self.statements.recordedUntil(row.rowID)
                let id = ids.next(at: now)
                try self.statements.startRecording(row.rowID, at: id, now: now)
                self.channels[channel]?.isRecording = true
                entries.append(try self.insertGap(id: id, channel: channel, after: after, .unrecorded, now: now))
            case .recordingStopped(let channel):
                try self.stopRecording(channel, at: ids.last)
            case .recordingOnly(let kept):
                for channel in self.channels.keys where !kept.contains(channel) {
                    try self.stopRecording(channel, at: ids.last)
                }
            }
        }
        return entries
    }

    private func stopRecording(_ channel: ChannelName, at last: EventID) throws {
        guard let row = self.channels[channel], row.isRecording else { return }
        try self.statements.stopRecording(row.rowID, at: last)
        self.channels[channel]?.isRecording = false
    }

    private func row(of channel: ChannelName) throws -> ChannelRow {
        if let row = self.channels[channel] { return row }
        let row = ChannelRow(rowID: try self.statements.insertChannel(channel), isRecording: false)
        self.channels[channel] = row
        return row
    }

    private func insertGap(
        id: EventID,
        channel: ChannelName?,
        after: EventID,
        _ reason: Gap.Reason,
        now: Timestamp
    ) throws -> LogEntry {
        let gap = Gap(id: id, channel: channel, after: after, before: id.next, reason: reason)
        try self.statements.insert(gap, channel: channel.flatMap { self.channels[$0]?.rowID }, now: now)
        return .gap(gap)
    }

    /// Puts the mark on disk before ids up to it are given, in both files: the one commit that waits for the disk. It
    /// also makes everything before it durable, so a power cut costs a second of events at the most.
    private func reserve(through mark: EventID) throws {
        try self.lock.keep(mark)
        try self.setMark(mark, clean: false)
        self.ids.reserved(through: mark)
    }

    private func setMark(_ mark: EventID, clean: Bool) throws {
        try self.connection.execute("PRAGMA synchronous = FULL")
        defer { try? self.connection.execute("PRAGMA synchronous = NORMAL") }
        try self.statements.setMark(mark, clean: clean)
    }

    // MARK: - Upkeep

    func tick() throws {
        if self.connection.hasMoved() { throw RingLogMoved(path: self.path) }
        let now = self.clock.now()
        let mark = self.ids.mark(at: now)
        if mark > self.ids.highWater { try self.reserve(through: mark) }
        // After a write, since SQLite shortens the file only with one; before any larger one.
        self.walIsTooLarge = fileSize(self.path + "-wal") > Self.maximumWALBytes
        if self.walIsTooLarge { throw RingLogHeldOpen(path: self.path) }
        let forgotten = try self.transaction {
            try self.evictor.evictAged(now: now)
            try self.evictor.evictSurplus()
            try self.statements.mergeGaps(beyond: Self.maximumGaps)
            return try self.statements.forgetUnusedChannels()
        }
        for channel in forgotten { self.channels[channel] = nil }
        try self.evictor.shrinkFile()
    }

    /// Stops cleanly: the next start goes on right after the newest id. No other connection may be open.
    func finish() throws {
        self.connection.setBusyTimeout(Self.patience)
        try self.setMark(self.ids.last, clean: true)
        try self.lock.keep(self.ids.last)
        try self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        // Another process that reads the file keeps it in WAL mode, which is as well.
        try? self.connection.execute("PRAGMA journal_mode = DELETE")
    }
}

/// The file at the log's path is not the one that is open: it was deleted or replaced.
package struct RingLogMoved: Error, Equatable, CustomStringConvertible {
    package let path: String

    package var description: String {
        """
        the log '\(self.path)' was deleted or replaced while it was in use. What is appended now is lost when the \
        relay stops: restart it
        """
    }
}

/// The write-ahead log can't be emptied, since another program reads the log in one long transaction.
package struct RingLogHeldOpen: Error, Equatable, CustomStringConvertible {
    package let path: String

    package var description: String {
        """
        the file '\(self.path)-wal' has grown to its limit, because another program keeps a read transaction open: end \
        it. Until then events wait in PostgreSQL
        """
    }
}

/// In bytes; 0 where there is no file.
private func fileSize(_ path: String) -> Int64 {
    var status = stat()
    return stat(path, &status) == 0 ? Int64(status.st_size) : 0
}
