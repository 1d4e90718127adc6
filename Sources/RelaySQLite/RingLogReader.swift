import RelayCore

/// The connection that reads, for replay and history. Used from one thread.
final class RingLogReader {
    private let connection: SQLiteConnection
    private let channelByName: SQLiteStatement
    private let events: DirectedStatement
    private let gaps: DirectedStatement
    private let oldest: SQLiteStatement
    private let newest: SQLiteStatement

    /// Payload bytes of a replay's page, beyond which it ends: what one slow subscriber can have in its socket's queue.
    private static let pageBytes = 128 << 10
    /// How long a read waits for a lock.
    private static let busyTimeout = Duration.seconds(5)

    /// A statement that walks up or down the ids of a window, both of its ends exclusive.
    private struct DirectedStatement {
        let ascending: SQLiteStatement
        let descending: SQLiteStatement

        init(_ connection: SQLiteConnection, _ select: String) throws {
            self.ascending = try connection.prepare("\(select) ORDER BY id LIMIT ?4")
            self.descending = try connection.prepare("\(select) ORDER BY id DESC LIMIT ?4")
        }
    }

    private struct ChannelRow {
        let rowID: Int64
        let isRecording: Bool
        let recordedFrom: EventID
        let since: Timestamp
        /// The floor.
        let evictedThrough: EventID
        let evicted: Int
    }

    init(path: String) throws {
        let connection = try RingLogConnection.open(path: path, busyTimeout: Self.busyTimeout)
        try connection.execute("PRAGMA query_only = ON")
        self.connection = connection
        self.channelByName = try connection.prepare(
            """
            SELECT id, recording, recorded_from, since, evicted_through, evicted FROM channel WHERE name = ?1
            """
        )
        self.events = try DirectedStatement(
            connection,
            """
            SELECT id, ahead, payload, typeof(payload) = 'text' FROM event
            WHERE channel_id = ?1 AND id > ?2 AND id < ?3
            """
        )
        // Gaps of all channels from before a channel was recorded say nothing about it. One that says only where the
        // recording began is nothing to a cursor that claims nothing about the time before (?5).
        self.gaps = try DirectedStatement(
            connection,
            """
            SELECT id, after_id, reason FROM gap
            WHERE (channel_id = ?1 OR channel_id IS NULL AND id > (SELECT recorded_from FROM channel WHERE id = ?1))
              AND id > ?2 AND id < ?3
              AND NOT (?5 AND after_id = 0 AND reason = 'unrecorded')
            """
        )
        self.oldest = try connection.prepare("SELECT min(id) FROM event WHERE channel_id = ?1")
        self.newest = try connection.prepare("SELECT max(id) FROM event WHERE channel_id = ?1")
    }

    // MARK: - Replay

    /// Where the file is damaged, a gap stands for the rest of the range: what lies behind the damage can't be told from
    /// what lies in it, and whoever reads on must not be kept there for ever.
    func read(_ channel: ChannelName, after: EventID, through: EventID, limit: Int) throws -> LogPage {
        do {
            return try self.readUndamaged(channel, after: after, through: through, limit: limit)
        } catch let error as SQLiteError where error.isDamage {
            let gap = Gap(id: through, channel: channel, after: after, before: through.next, reason: .damaged)
            return LogPage(entries: [.gap(gap)], next: through, atEnd: true)
        }
    }

    private func readUndamaged(
        _ channel: ChannelName,
        after: EventID,
        through: EventID,
        limit: Int
    ) throws -> LogPage {
        try self.connection.transaction("BEGIN") {
            guard let row = try self.row(of: channel) else {
                return LogPage(entries: [], next: through, atEnd: true)
            }
            var entries: [LogEntry] = []
            var from = after
            if after < row.evictedThrough {
                // The floor may have passed the end of the range; the next page tells the rest.
                from = min(row.evictedThrough, through)
                entries.append(.gap(try self.evictedGap(of: row, channel, after: after, through: from)))
                if limit <= 1 { return LogPage(entries: entries, next: from, atEnd: from == through) }
            }
            let window = Window(after: from, before: through.next, limit: max(1, limit - entries.count))
            let rows = try self.entries(
                of: channel,
                row,
                window,
                ascending: true,
                cursor: after,
                maximumBytes: Self.pageBytes
            )
            entries.append(contentsOf: rows.entries)
            return LogPage(entries: entries, next: rows.end ?? through, atEnd: rows.end == nil)
        }
    }

    /// The number is known only to a cursor that had seen nothing of the channel, and only if nothing else is missing
    /// in the range.
    private func evictedGap(
        of row: ChannelRow,
        _ channel: ChannelName,
        after: EventID,
        through: EventID
    ) throws -> Gap {
        let isAll = after <= row.recordedFrom && through == row.evictedThrough
        let lost = try isAll && !self.hasGap(row, before: through) ? row.evicted : nil
        return Gap(id: through, channel: channel, after: after, before: through.next, lost: lost, reason: .evicted)
    }

    /// Whether a gap is stored for the channel since it was recorded first, up to `end`.
    private func hasGap(_ row: ChannelRow, before end: EventID) throws -> Bool {
        try self.gaps.ascending.first {
            $0.bind(1, row.rowID)
            $0.bind(2, row.recordedFrom)
            $0.bind(3, end)
            $0.bind(4, 1)
            $0.bind(5, 1)
        } value: { _ in
            true
        } ?? false
    }

    // MARK: - History

    func history(_ query: HistoryQuery) throws -> HistoryPage {
        try self.connection.transaction("BEGIN") {
            guard let row = try self.row(of: query.channel) else {
                return HistoryPage(entries: [], hasMore: false, positions: .unknown)
            }
            let positions = ChannelPositions(
                oldest: try self.position(self.oldest, of: row),
                newest: try self.position(self.newest, of: row),
                floor: row.evictedThrough,
                recordedSince: row.isRecording ? row.since : nil
            )
            var window = Window(
                after: query.after ?? .zero,
                before: query.before ?? EventID.limit,
                limit: query.limit + 1
            )
            var opening: [LogEntry] = []
            if let after = query.after {
                let evictedThrough = min(row.evictedThrough, EventID(window.before.rawValue - 1))
                if after < evictedThrough {
                    opening = [.gap(try self.evictedGap(of: row, query.channel, after: after, through: evictedThrough))]
                    window.after = evictedThrough
                }
            }
            let rows = try self.entries(
                of: query.channel,
                row,
                window,
                ascending: query.isForward,
                cursor: query.after ?? .zero,
                maximumBytes: .max
            )
            let found = opening + rows.entries
            let page = found.prefix(query.limit)
            return HistoryPage(
                entries: query.isForward ? Array(page) : page.reversed(),
                hasMore: found.count > query.limit || rows.end != nil,
                positions: positions
            )
        }
    }

    private func position(_ statement: SQLiteStatement, of row: ChannelRow) throws -> EventID? {
        try statement.first {
            $0.bind(1, row.rowID)
        } value: {
            $0.isNull(0) ? nil : $0.id(0)
        } ?? nil
    }

    // MARK: - Rows

    private func row(of channel: ChannelName) throws -> ChannelRow? {
        try self.channelByName.first {
            $0.bind(1, text: channel.text.utf8)
        } value: {
            ChannelRow(
                rowID: $0.integer(0),
                isRecording: $0.integer(1) == 1,
                recordedFrom: $0.id(2),
                since: Timestamp(microseconds: $0.integer(3)),
                evictedThrough: $0.id(4),
                evicted: Int($0.integer(5))
            )
        }
    }

    private struct Window {
        var after: EventID
        var before: EventID
        /// Entries at the most.
        var limit: Int
    }

    /// Events and stored gaps of a channel in the order of ids, from the old or the new end of the window.
    /// - Returns: `end`: the last id that the entries account for; nil if that is the whole window.
    private func entries(
        of channel: ChannelName,
        _ row: ChannelRow,
        _ window: Window,
        ascending: Bool,
        cursor: EventID,
        maximumBytes: Int
    ) throws -> (entries: [LogEntry], end: EventID?) {
        func bind(_ statement: SQLiteStatement) {
            statement.bind(1, row.rowID)
            statement.bind(2, window.after)
            statement.bind(3, window.before)
            statement.bind(4, Int64(window.limit))
        }
        var bytes = 0
        var events: [LogEntry] = []
        try (ascending ? self.events.ascending : self.events.descending).eachRow(bind) { row in
            events.append(.event(Self.event(row, of: channel)))
            bytes += Int(row.byteCount(2))
            return bytes < maximumBytes
        }
        var gaps: [LogEntry] = []
        try (ascending ? self.gaps.ascending : self.gaps.descending).eachRow {
            bind($0)
            $0.bind(5, cursor == .zero ? 1 : 0)
        } row: { row in
            gaps.append(.gap(Self.gap(row, of: channel)))
            return true
        }
        // Where one of the two was cut short, nothing beyond its end is accounted for.
        let isBefore: (EventID, EventID) -> Bool = ascending ? { $0 < $1 } : { $0 > $1 }
        let cuts = [
            events.count == window.limit || bytes >= maximumBytes ? events.last?.id : nil,
            gaps.count == window.limit ? gaps.last?.id : nil,
        ]
        var end = cuts.compactMap(\.self).min(by: isBefore)
        var entries = gaps.isEmpty ? events : (events + gaps).sorted { isBefore($0.id, $1.id) }
        if let end, !gaps.isEmpty { entries.removeAll { isBefore(end, $0.id) } }
        if entries.count > window.limit {
            entries.removeLast(entries.count - window.limit)
            end = entries.last?.id
        }
        return (entries, end)
    }

    private static func event(_ row: SQLiteStatement, of channel: ChannelName) -> Event {
        let id = row.id(0)
        return Event(
            id: id,
            channel: channel,
            time: Timestamp(microseconds: id.rawValue &- row.integer(1)),
            payload: Payload(row.bytes(2), isValidUTF8: row.integer(3) == 1)
        )
    }

    private static func gap(_ row: SQLiteStatement, of channel: ChannelName) -> Gap {
        // A reason that somebody's shell wrote is told as the general one rather than kept back.
        Gap(
            id: row.id(0),
            channel: channel,
            after: row.id(1),
            before: row.id(0).next,
            reason: Gap.Reason(rawValue: row.text(2)) ?? .unlogged
        )
    }

    // MARK: - Channels

    func recordedChannels() throws -> [ChannelName] {
        var channels: [ChannelName] = []
        try self.connection.prepare("SELECT name FROM channel WHERE recording = 1 ORDER BY name").eachRow { row in
            if let name = try? ChannelName(row.text(0)) { channels.append(name) }
            return true
        }
        return channels
    }
}
