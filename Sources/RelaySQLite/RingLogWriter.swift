import RelayCore

/// The one connection that writes: appends, evicts, gives the ids. Used from one thread.
final class RingLogWriter {
    let identity: LogIdentity

    private let file: LogFile
    private let retention: Retention
    private let clock: ServerClock
    private var connection: SQLiteConnection
    private var statements: RingLogStatements
    private var evictor: RingLogEvictor
    private var ids: EventIDSequence
    private var recordings: Recordings
    private var setAside = SetAside()
    /// What has an id up to this one is in the tables, or was.
    private var writtenThrough: EventID
    /// Of channels that have a row.
    private var rowIDs: [ChannelName: Int64]
    /// Those that the transaction under way has given one.
    private var newChannels: [ChannelName] = []
    /// Somebody reads the file in one long transaction, and the write-ahead log can't be emptied.
    private var walIsTooLarge = false
    private var putBackFailure: PutBackFailure?
    /// Done, and not told yet.
    private var repair: LogRepair?

    private struct PutBackFailure {
        let error: any Error
        let delay: Duration
        let notBefore: Timestamp
    }

    /// How long an append waits for a lock that somebody's sqlite3 shell holds before it fails and is tried again.
    private static let busyTimeout = Duration.milliseconds(50)
    /// Stored gaps at the most. A relay whose database flaps once a minute gets there in a week.
    private static let maximumGaps = 10_000
    /// Of the write-ahead log, four times what it is emptied at. Beyond it appends fail, and events are set aside.
    private static let maximumWALBytes: Int64 = 256 << 20
    /// Between attempts to put the file back, doubling: each may copy a gigabyte in vain.
    private static let firstPutBackDelay = Duration.seconds(1)
    private static let longestPutBackDelay = Duration.seconds(64)
    /// At the start and the end, when nothing else waits.
    private static let patience = Duration.seconds(5)

    init(_ file: LogFile, retention: Retention, clock: ServerClock) throws {
        self.file = file
        self.retention = retention
        self.clock = clock
        let path = file.path
        self.connection = try RingLogConnection.open(path: path, busyTimeout: Self.patience, creates: true)
        try Migrator(path: path).prepare(self.connection)
        let kept = file.lock.highWater
        self.identity = try RingLogIdentification.identify(self.connection, path: path, kept: kept, now: clock.now())
        if kept ?? .zero < self.identity.last { try file.lock.keep(self.identity.last) }
        self.statements = try RingLogStatements(self.connection)
        self.evictor = try RingLogEvictor(self.connection, retention: retention)
        file.noteMode()
        self.ids = EventIDSequence(last: self.identity.last, highWater: self.identity.last)
        self.writtenThrough = self.identity.last
        (self.rowIDs, self.recordings) = try self.statements.channels()
        self.connection.setBusyTimeout(Self.busyTimeout)
    }

    /// A write transaction. When it fails, the tables are as before, and so is what is kept of them in memory: to read
    /// that anew with each attempt, while a disk is full, would hold up what is delivered meanwhile.
    private func transaction<Result>(_ body: () throws -> Result) throws -> Result {
        self.newChannels = []
        self.evictor.transactionBegins()
        do {
            return try self.connection.transaction("BEGIN IMMEDIATE", body)
        } catch {
            for channel in self.newChannels { self.rowIDs[channel] = nil }
            self.evictor.transactionFailed()
            throw error
        }
    }

    /// What is set aside counts.
    var recordedChannels: [ChannelName] { self.recordings.current }

    // MARK: - Appending

    func append(_ writes: [LogWrite], expecting last: EventID) throws -> AppendOutcome {
        guard last == self.ids.last else { return .conflict(last: self.ids.last) }
        if self.walIsTooLarge { throw RingLogHeldOpen(path: self.file.path) }
        try self.writeSetAside()
        let now = self.clock.now()
        if let mark = self.ids.markNeeded(for: writes.count, at: now) {
            try self.reserve(through: mark)
        }
        var (ids, recordings) = (self.ids, self.recordings)
        let plan = LogPlan(writes, after: last, at: now, recordings: &recordings) { ids.next(at: now) }
        if !plan.isEmpty { try self.transaction { try self.write(plan) } }
        (self.ids, self.recordings, self.writtenThrough) = (ids, recordings, ids.last)
        return .appended(self.batch(of: plan))
    }

    private func batch(of plan: LogPlan) -> AppendedBatch {
        AppendedBatch(
            after: plan.after,
            last: plan.last,
            entries: plan.entries,
            evictedThrough: self.evictor.evictedThrough,
            standing: self.standing
        )
    }

    /// In the transaction that is under way.
    private func write(_ plan: LogPlan) throws {
        var rows: [EventRow] = []
        rows.reserveCapacity(plan.entries.count)
        for entry in plan.entries {
            switch entry {
            case .event(let event):
                let row = EventRow(event: event, channel: try self.row(of: event.channel))
                rows.append(row)
                self.evictor.appended(event, channel: row.channel)
            case .gap(let gap):
                try self.statements.insert(gap, channel: try gap.channel.map(self.row(of:)), now: plan.time)
            }
        }
        try self.statements.insert(rows)
        for change in plan.changes {
            switch change {
            case .started(let channel, let id):
                try self.statements.startRecording(try self.row(of: channel), at: id, now: plan.time)
            case .stopped(let channel, let last):
                try self.statements.stopRecording(try self.row(of: channel), at: last)
            }
        }
        try self.evictor.evictSurplus()
    }

    private func row(of channel: ChannelName) throws -> Int64 {
        if let row = self.rowIDs[channel] { return row }
        let row = try self.statements.insertChannel(channel)
        self.rowIDs[channel] = row
        self.newChannels.append(channel)
        return row
    }

    // MARK: - Setting aside

    /// Every id that is given here lies under the mark that is on disk, so a kill or a power cut makes none come again.
    func setAside(_ writes: [LogWrite], expecting last: EventID) throws -> AppendOutcome {
        guard last == self.ids.last else { return .conflict(last: self.ids.last) }
        var (ids, recordings) = (self.ids, self.recordings)
        func nextID() throws -> EventID {
            guard let id = ids.nextReserved() else { throw NoMoreIDs() }
            return id
        }
        let plan = try LogPlan(
            writes,
            after: last,
            at: self.clock.now(),
            recordings: &recordings,
            nextID: nextID
        ).reserving(try nextID())
        try self.setAside.append(plan)
        (self.ids, self.recordings) = (ids, recordings)
        return .appended(self.batch(of: plan))
    }

    private var standing: LogStanding {
        let lost = self.setAside.lost
        return LogStanding(writtenThrough: self.writtenThrough, keptAfter: lost?.through, lostAfter: lost?.after)
    }

    /// In transactions of as much as a batch; those that work are not undone by one that fails.
    private func writeSetAside() throws {
        if let gap = self.standing.lost {
            try self.transaction {
                for plan in self.setAside.remains { try self.write(plan) }
                try self.statements.insert(gap, channel: nil, now: self.clock.now())
            }
            self.setAside.lossWritten()
            self.writtenThrough = gap.id
        }
        while case let plans = self.setAside.oldest(upTo: BatchLimit.standard.bytes), let last = plans.last?.last {
            try self.transaction { for plan in plans { try self.write(plan) } }
            self.setAside.oldestWritten(plans.count)
            self.writtenThrough = last
        }
    }

    /// Puts the mark on disk before ids up to it are given, in both files: the one commit that waits for the disk. It
    /// also makes everything before it durable, so a power cut costs a second of events at the most.
    private func reserve(through mark: EventID) throws {
        try self.file.lock.keep(mark)
        try self.setMark(mark, clean: false)
        self.ids.reserved(through: mark)
    }

    private func setMark(_ mark: EventID, clean: Bool) throws {
        try self.connection.execute("PRAGMA synchronous = FULL")
        defer { try? self.connection.execute("PRAGMA synchronous = NORMAL") }
        try self.statements.setMark(mark, clean: clean)
    }

    // MARK: - Upkeep

    func tick() throws -> LogRepair? {
        // All is due, whatever part of it fails.
        let place = Result { try self.keepPlace() }
        try self.keepUp()
        try place.get()
        return self.repair.take()
    }

    /// Sees to it that the files at the log's place are the ones that are open.
    private func keepPlace() throws {
        try self.file.keepLocked()
        guard self.connection.hasMoved() else { return }
        try self.putBack()
    }

    private func keepUp() throws {
        let now = self.clock.now()
        let mark = self.ids.mark(at: now)
        if mark > self.ids.highWater { try self.reserve(through: mark) }
        // After a write, since SQLite shortens the file only with one; before any larger one.
        self.walIsTooLarge = self.file.walBytes > Self.maximumWALBytes
        if self.walIsTooLarge { throw RingLogHeldOpen(path: self.file.path) }
        let forgotten = try self.transaction {
            try self.evictor.evictAged(now: now)
            try self.evictor.evictSurplus()
            try self.statements.mergeGaps(beyond: Self.maximumGaps)
            // What is set aside may say that one of them is recorded again, since when.
            return self.setAside.isEmpty ? try self.statements.forgetUnusedChannels() : []
        }
        for channel in forgotten {
            self.rowIDs[channel] = nil
            self.recordings.forget(channel)
        }
        try self.evictor.shrinkFile()
    }

    /// The file was deleted or moved away: writes all of it there again, from the one that is still open.
    ///
    /// Everything waits meanwhile, for some seconds with a log of a gigabyte; so one that fails is not tried again at
    /// once. Another file at the path is left alone.
    private func putBack() throws {
        if self.file.exists { throw RingLogMoved(path: self.file.path) }
        let now = self.clock.now()
        if let failure = self.putBackFailure, now < failure.notBefore { throw failure.error }
        do {
            try self.copyBack()
            self.putBackFailure = nil
            self.repair = .putBack
        } catch {
            let delay = min((self.putBackFailure?.delay ?? Self.firstPutBackDelay) * 2, Self.longestPutBackDelay)
            self.putBackFailure = PutBackFailure(error: error, delay: delay, notBefore: now.advanced(by: delay))
            throw error
        }
    }

    private func copyBack() throws {
        // Where the file was moved to, it shall be whole.
        try? self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        let pages = try self.connection.integer("PRAGMA page_count") ?? 0
        (self.connection, self.statements, self.evictor) = try self.file.putBack(
            bytes: pages * RingLogEvictor.pageSize
        ) {
            try self.connection.copy(to: $0)
        } open: {
            let connection = try RingLogConnection.open(path: $0, busyTimeout: Self.busyTimeout, creates: false)
            return (
                connection,
                try RingLogStatements(connection),
                try RingLogEvictor(connection, retention: self.retention)
            )
        }
    }

    /// What can't be read now is left as it was.
    func figures(after earlier: LogFigures) -> LogFigures {
        var figures = earlier
        figures.events = self.evictor.count
        figures.bytes = self.file.bytes
        figures.walBytes = self.file.walBytes
        if let oldest = try? self.statements.oldestEvent() { figures.oldest = oldest }
        if figures.events == 0 { figures.oldest = nil }
        (figures.setAsideEvents, figures.setAsideBytes) = self.setAside.figures
        return figures
    }

    /// Stops cleanly: the next start goes on right after the newest id. No other connection may be open.
    func finish() throws {
        try self.keepPlace()
        self.connection.setBusyTimeout(Self.patience)
        try self.writeSetAside()
        try self.setMark(self.ids.last, clean: true)
        try self.file.lock.keep(self.ids.last)
        try self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        // Another process that reads the file keeps it in WAL mode, which is as well.
        try? self.connection.execute("PRAGMA journal_mode = DELETE")
    }
}
