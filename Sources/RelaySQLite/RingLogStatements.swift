import RelayCore

/// The writer's prepared statements, by what they do.
final class RingLogStatements {
    private let connection: SQLiteConnection
    private let insertEvent: SQLiteStatement
    /// Inserts `rowsAtOnce` of them.
    private let insertEvents: SQLiteStatement
    private let insertGap: SQLiteStatement
    private let insertChannel: SQLiteStatement
    private let updateMark: SQLiteStatement
    private let selectOldest: SQLiteStatement

    /// Rows of one statement: it finds the end of the tables once for all of them.
    private static let rowsAtOnce = 32
    private static let columnsOfEvent = 5

    init(_ connection: SQLiteConnection) throws {
        self.connection = connection
        let insertEvent = "INSERT INTO event (id, channel_id, ahead, bytes, payload) VALUES "
        let row = "(?, ?, ?, ?, ?)"
        self.insertEvent = try connection.prepare(insertEvent + row)
        self.insertEvents = try connection.prepare(
            insertEvent + Array(repeating: row, count: Self.rowsAtOnce).joined(separator: ", ")
        )
        self.insertGap = try connection.prepare(
            "INSERT INTO gap (id, channel_id, after_id, ahead, reason) VALUES (?1, ?2, ?3, ?4, ?5)"
        )
        self.insertChannel = try connection.prepare("INSERT INTO channel (name) VALUES (?1) RETURNING id")
        self.selectOldest = try connection.prepare("SELECT max(0, id - ahead) FROM event ORDER BY id LIMIT 1")
        self.updateMark = try connection.prepare("UPDATE meta SET high_water = ?1, clean = ?2")
    }

    func insert(_ events: [EventRow]) throws {
        var rest = events[...]
        while !rest.isEmpty {
            let isMany = rest.count >= Self.rowsAtOnce
            let rows = rest.prefix(isMany ? Self.rowsAtOnce : 1)
            try (isMany ? self.insertEvents : self.insertEvent).run { statement in
                for (index, row) in rows.enumerated() {
                    row.bind(to: statement, behind: Int32(index * Self.columnsOfEvent))
                }
            }
            rest = rest.dropFirst(rows.count)
        }
    }

    func insert(_ gap: Gap, channel: Int64?, now: Timestamp) throws {
        try self.insertGap.run {
            $0.bind(1, gap.id)
            if let channel { $0.bind(2, channel) } else { $0.bindNull(2) }
            $0.bind(3, gap.after)
            $0.bind(4, gap.id.rawValue - now.microseconds)
            $0.bind(5, text: gap.reason.rawValue.utf8)
        }
    }

    /// - Returns: the new row's id.
    /// - Throws: also where it was left out in silence, as a trigger of somebody's may do.
    func insertChannel(_ name: ChannelName) throws -> Int64 {
        let rowID = try self.insertChannel.first {
            $0.bind(1, text: name.text.utf8)
        } value: {
            $0.integer(0)
        }
        guard let rowID else { throw ChannelNotInserted(channel: name) }
        return rowID
    }

    /// When the oldest event was received; nil if there is none.
    func oldestEvent() throws -> Timestamp? {
        try self.selectOldest.first { Timestamp(microseconds: $0.integer(0)) }
    }

    /// All channels that have a row.
    func channels() throws -> (rowIDs: [ChannelName: Int64], recordings: Recordings) {
        var rowIDs: [ChannelName: Int64] = [:]
        var recordings = Recordings()
        try self.connection.prepare("SELECT name, id, recording, recorded_until FROM channel").eachRow { row in
            if let name = try? ChannelName(row.text(0)) {
                rowIDs[name] = row.integer(1)
                recordings.found(name, isRecording: row.integer(2) == 1, until: row.id(3))
            }
            return true
        }
        return (rowIDs, recordings)
    }

    func startRecording(_ channel: Int64, at id: EventID, now: Timestamp) throws {
        try self.connection.execute(
            """
            UPDATE channel
            SET recording = 1, since = \(now.microseconds),
                recorded_from = CASE recorded_from WHEN 0 THEN \(id) ELSE recorded_from END
            WHERE id = \(channel)
            """
        )
    }

    func stopRecording(_ channel: Int64, at last: EventID) throws {
        try self.connection.execute(
            "UPDATE channel SET recording = 0, recorded_until = \(last) WHERE id = \(channel)"
        )
    }

    func setMark(_ mark: EventID, clean: Bool) throws {
        try self.updateMark.run {
            $0.bind(1, mark)
            $0.bind(2, clean ? 1 : 0)
        }
    }

    /// Makes one gap of the older half when there are more than `limit`: it spans all of them and concerns every channel,
    /// so nobody is told less than before.
    func mergeGaps(beyond limit: Int) throws {
        guard let count = try self.connection.integer("SELECT count(*) FROM gap"), count > limit else { return }
        let newest = try self.connection.integer("SELECT id FROM gap ORDER BY id LIMIT 1 OFFSET \(limit / 2)")
        guard let newest else { return }
        try self.connection.execute(
            """
            UPDATE gap
            SET channel_id = NULL,
                after_id = (SELECT min(after_id) FROM gap WHERE id <= \(newest)),
                reason = coalesce((SELECT reason FROM gap WHERE id <= \(newest) AND reason <> 'unrecorded'
                                   ORDER BY id DESC LIMIT 1), reason)
            WHERE id = \(newest);
            DELETE FROM gap WHERE id < \(newest);
            """
        )
    }

    /// Deletes the channels that are neither recorded nor have any event left. If one is recorded again, its gap of
    /// reason `unrecorded` covers all that was; until then `forgotten_through` tells that something may have been.
    func forgetUnusedChannels() throws -> [ChannelName] {
        var names: [ChannelName] = []
        let unused = "recording = 0 AND NOT EXISTS (SELECT 1 FROM event WHERE channel_id = channel.id)"
        try self.connection.prepare("SELECT name FROM channel WHERE \(unused)").eachRow { row in
            if let name = try? ChannelName(row.text(0)) { names.append(name) }
            return true
        }
        if names.isEmpty { return [] }
        // The newest gap that says something about a channel: its own, but for the one at which its recording began first,
        // or one of all channels while it was recorded.
        let newestGap = """
            SELECT gap.id FROM gap
            WHERE gap.id <= recorded_until
                AND (gap.channel_id = channel.id AND gap.after_id > 0
                     OR gap.channel_id IS NULL AND gap.id > recorded_from)
            ORDER BY gap.id DESC LIMIT 1
            """
        try self.connection.execute(
            """
            UPDATE meta SET forgotten_through = max(
                forgotten_through,
                (SELECT max(max(evicted_through, coalesce((\(newestGap)), 0))) FROM channel WHERE \(unused))
            );
            DELETE FROM gap WHERE channel_id IN (SELECT id FROM channel WHERE \(unused));
            DELETE FROM channel WHERE \(unused);
            """
        )
        return names
    }
}

/// An event and the row of its channel.
struct EventRow {
    let event: Event
    let channel: Int64

    /// Binds the columns to the parameters after `last`.
    fileprivate func bind(to statement: SQLiteStatement, behind last: Int32) {
        let event = self.event
        statement.bind(last + 1, event.id)
        statement.bind(last + 2, self.channel)
        statement.bind(last + 3, event.id.rawValue - event.time.microseconds)
        statement.bind(last + 4, Int64(event.payload.bytes.count))
        if event.payload.isValidUTF8 {
            statement.bind(last + 5, text: event.payload.bytes)
        } else {
            statement.bind(last + 5, blob: event.payload.bytes)
        }
    }
}
