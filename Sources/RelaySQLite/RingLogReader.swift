import RelayCore

/// The connection that reads, for replay and history. Used from one thread.
final class RingLogReader {
    private let connection: SQLiteConnection
    private let channelByName: SQLiteStatement
    private let channels: SQLiteStatement
    private let forgottenThrough: SQLiteStatement
    private let oldestFirst: EventMerge
    private let newestFirst: EventMerge
    private let manyOldestFirst: EventSweep
    private let manyNewestFirst: EventSweep
    private let gaps: SQLiteStatement
    private let gapsNewestFirst: SQLiteStatement
    private let gapsOfChannel: SQLiteStatement
    private let oldest: SQLiteStatement
    private let newest: SQLiteStatement

    /// Payload bytes of a replay's page, beyond which it ends: what one slow subscriber can have in its socket's queue.
    private static let pageBytes = 128 << 10
    /// Payload bytes of a page of history, beyond which it ends: what one request can have in memory, some six times as
    /// much where nearly all bytes are escaped.
    private static let historyPageBytes = 256 << 10
    /// How long a read waits for a lock.
    private static let busyTimeout = Duration.seconds(5)

    private struct ChannelRow {
        let name: ChannelName
        let rowID: Int64
        let isRecording: Bool
        let recordedFrom: EventID
        let since: Timestamp
        /// The floor.
        let evictedThrough: EventID
        let evicted: Int
    }

    /// What the log knows of a selection.
    private struct SelectedChannels {
        var rows: [ChannelRow] = []
        /// The highest id evicted of any channel that the log has forgotten, where one of those may be selected; else 0.
        var forgottenThrough = EventID.zero
    }

    init(path: String) throws {
        let connection = try RingLogConnection.open(path: path, busyTimeout: Self.busyTimeout)
        try connection.execute("PRAGMA query_only = ON")
        self.connection = connection
        let columns = "id, recording, recorded_from, since, evicted_through, evicted, name"
        self.channelByName = try connection.prepare("SELECT \(columns) FROM channel WHERE name = ?1")
        self.channels = try connection.prepare("SELECT \(columns) FROM channel")
        self.forgottenThrough = try connection.prepare("SELECT forgotten_through FROM meta")
        self.oldestFirst = EventMerge(connection, ascending: true)
        self.newestFirst = EventMerge(connection, ascending: false)
        self.manyOldestFirst = try EventSweep(connection, ascending: true)
        self.manyNewestFirst = try EventSweep(connection, ascending: false)
        let gaps = "SELECT id, after_id, reason, channel_id FROM gap WHERE id > ?1 AND id < ?2 ORDER BY id"
        self.gaps = try connection.prepare(gaps)
        self.gapsNewestFirst = try connection.prepare("\(gaps) DESC")
        self.gapsOfChannel = try connection.prepare(
            "SELECT 1 FROM gap WHERE (channel_id = ?1 OR channel_id IS NULL) AND id > ?2 AND id < ?3 LIMIT 1"
        )
        self.oldest = try connection.prepare("SELECT min(id) FROM event WHERE channel_id = ?1")
        self.newest = try connection.prepare("SELECT max(id) FROM event WHERE channel_id = ?1")
    }

    // MARK: - Replay

    /// Where the file is damaged, a gap stands for the rest of the range: what lies behind the damage can't be told from
    /// what lies in it, and whoever reads on must not be kept there for ever.
    func read(_ selection: ChannelSelection, after: EventID, through: EventID, limit: Int) throws -> LogPage {
        do {
            return try self.connection.transaction("BEGIN") {
                let channels = try self.channels(of: selection)
                if let only = selection.only {
                    return try self.page(of: channels, only: only, after: after, through: through, limit: limit)
                }
                return try self.page(of: channels, after: after, through: through, limit: limit)
            }
        } catch let error as SQLiteError where error.isDamage {
            let gap = Gap(id: through, channel: selection.only, after: after, before: through.next, reason: .damaged)
            return LogPage(entries: [.gap(gap)], next: through, atEnd: true)
        }
    }

    private func page(
        of channels: SelectedChannels,
        only: ChannelName,
        after: EventID,
        through: EventID,
        limit: Int
    ) throws -> LogPage {
        var opening: [LogEntry] = []
        var from = after
        if let gap = try self.evictedGap(of: channels, only: only, after: after, through: through) {
            from = gap.id
            opening = [.gap(gap)]
            if limit <= 1 { return LogPage(entries: opening, next: from, atEnd: from == through) }
        }
        let window = Window(after: from, before: through.next, limit: max(1, limit - opening.count))
        let rest = try self.entries(
            of: channels.rows,
            only: only,
            window,
            cursor: after,
            maximumBytes: Self.pageBytes
        )
        let entries = opening.isEmpty ? rest.entries : opening + rest.entries
        return LogPage(entries: entries, next: rest.end ?? through, atEnd: rest.end == nil)
    }

    private func page(
        of channels: SelectedChannels,
        after: EventID,
        through: EventID,
        limit: Int
    ) throws -> LogPage {
        let window = Window(after: after, before: through.next, limit: max(1, limit))
        let rest = try self.entries(of: channels.rows, only: nil, window, cursor: after, maximumBytes: Self.pageBytes)
        let gaps = self.evictedGaps(of: channels, after: after, through: through, next: rest.entries.first?.id)
        return LogPage(entries: gaps + rest.entries, next: rest.end ?? through, atEnd: rest.end == nil)
    }

    /// What was evicted of several channels, and of what was forgotten, which is nobody's. All of these gaps stand at the
    /// cursor but the last, which stands behind it as far as nothing else comes before: whoever has got it has got them
    /// all.
    /// - Parameter next: what comes behind them.
    private func evictedGaps(
        of channels: SelectedChannels,
        after: EventID,
        through: EventID,
        next: EventID?
    ) -> [LogEntry] {
        var evicted: [(channel: ChannelName?, end: EventID)] = channels.rows.map { ($0.name, $0.evictedThrough) }
        evicted.append((nil, channels.forgottenThrough))
        evicted = evicted.map { ($0.channel, min($0.end, through)) }.filter { after < $0.end }
        if evicted.count > ChannelSelection.maximumChannels {
            // Of so many, as patterns may find, one that is nobody's says as much.
            evicted = evicted.map(\.end).max().map { [(nil, $0)] } ?? []
        }
        evicted.sort { $0.end < $1.end }
        return evicted.enumerated().map { index, gap in
            let place = next.map { min(gap.end, EventID($0.rawValue - 1)) } ?? gap.end
            let id = index == evicted.count - 1 ? max(after, place) : after
            return .gap(Gap(id: id, channel: gap.channel, after: after, before: gap.end.next, reason: .evicted))
        }
    }

    /// What was evicted of one channel; nil if the cursor has missed nothing. One that the log doesn't know may have been
    /// forgotten.
    ///
    /// The number is known only to a cursor that had seen nothing of the channel, and only if nothing else is missing
    /// in the range.
    private func evictedGap(
        of channels: SelectedChannels,
        only: ChannelName,
        after: EventID,
        through: EventID
    ) throws -> Gap? {
        let row = channels.rows.first
        let floor = row?.evictedThrough ?? channels.forgottenThrough
        // The floor may have passed the end of the range; the next page tells the rest.
        let end = min(floor, through)
        guard after < end else { return nil }
        var lost: Int?
        if let row, after <= row.recordedFrom, end == floor, try !self.hasGap(row, before: end) { lost = row.evicted }
        return Gap(id: end, channel: only, after: after, before: end.next, lost: lost, reason: .evicted)
    }

    /// Whether a gap is stored for the channel since it was recorded first, up to `end`.
    private func hasGap(_ row: ChannelRow, before end: EventID) throws -> Bool {
        try self.gapsOfChannel.first {
            $0.bind(1, row.rowID)
            $0.bind(2, row.recordedFrom)
            $0.bind(3, end)
        } value: { _ in
            true
        } ?? false
    }

    // MARK: - History

    func history(_ query: HistoryQuery) throws -> HistoryPage {
        try self.connection.transaction("BEGIN") {
            let channels = try self.channels(of: query.selection)
            let positions = try self.positions(of: channels, all: query.selection)
            var window = Window(
                after: query.after ?? .zero,
                before: query.before ?? EventID.limit,
                limit: query.limit + 1
            )
            var opening: [LogEntry] = []
            let end = EventID(window.before.rawValue - 1)
            let isOnly = query.selection.only != nil
            if let only = query.selection.only, let after = query.after,
                let gap = try self.evictedGap(of: channels, only: only, after: after, through: end)
            {
                window.after = gap.id
                opening = [.gap(gap)]
            }
            let rows = try self.entries(
                of: channels.rows,
                only: query.selection.only,
                window,
                ascending: query.isForward,
                cursor: query.after ?? .zero,
                maximumBytes: Self.historyPageBytes
            )
            if !isOnly, let after = query.after, query.limit > 0 {
                let next = rows.entries.first?.id
                opening = self.evictedGaps(of: channels, after: after, through: end, next: next)
            }
            let found = opening + rows.entries
            let limit = isOnly ? query.limit : query.limit + opening.count
            // Of a page that was cut short, the last entry only shows that there is more.
            let page = found.prefix(rows.end == nil ? limit : min(limit, max(1, found.count - 1)))
            return HistoryPage(
                entries: query.isForward ? Array(page) : page.reversed(),
                hasMore: found.count > page.count || rows.end != nil,
                positions: positions
            )
        }
    }

    private func positions(of channels: SelectedChannels, all selection: ChannelSelection) throws -> ChannelPositions {
        let rows = channels.rows
        let named = rows.filter { selection.names.contains($0.name) }
        let isRecording = named.count == selection.names.count && named.allSatisfy(\.isRecording)
        return ChannelPositions(
            oldest: try rows.compactMap { try self.position(self.oldest, of: $0) }.min(),
            newest: try rows.compactMap { try self.position(self.newest, of: $0) }.max(),
            floor: rows.map(\.evictedThrough).reduce(channels.forgottenThrough, max),
            recordedSince: isRecording ? named.map(\.since).max() : nil
        )
    }

    private func position(_ statement: SQLiteStatement, of row: ChannelRow) throws -> EventID? {
        try statement.first {
            $0.bind(1, row.rowID)
        } value: {
            $0.isNull(0) ? nil : $0.id(0)
        } ?? nil
    }

    // MARK: - Rows

    private func channels(of selection: ChannelSelection) throws -> SelectedChannels {
        var channels = SelectedChannels()
        for name in selection.names {
            let row = try self.channelByName.first {
                $0.bind(1, text: name.text.utf8)
            } value: {
                Self.channelRow($0, name)
            }
            if let row { channels.rows.append(row) }
        }
        if selection.patterns.isEmpty, channels.rows.count == selection.names.count { return channels }
        channels.forgottenThrough = try self.forgottenThrough.first { $0.id(0) } ?? .zero
        if selection.patterns.isEmpty { return channels }
        try self.channels.eachRow {
            if let name = try? ChannelName($0.text(6)), selection.finds(name), !selection.names.contains(name) {
                channels.rows.append(Self.channelRow($0, name))
            }
            return true
        }
        return channels
    }

    private static func channelRow(_ row: SQLiteStatement, _ name: ChannelName) -> ChannelRow {
        ChannelRow(
            name: name,
            rowID: row.integer(0),
            isRecording: row.integer(1) == 1,
            recordedFrom: row.id(2),
            since: Timestamp(microseconds: row.integer(3)),
            evictedThrough: row.id(4),
            evicted: Int(row.integer(5))
        )
    }

    private struct Window {
        var after: EventID
        var before: EventID
        /// Entries at the most.
        var limit: Int
    }

    /// Events and stored gaps of channels in the order of ids, from the old or the new end of the window.
    /// - Parameter only: the channel, where it can only be one: gaps of all are told as its own.
    /// - Returns: `end`: the last id that the entries account for; nil if that is the whole window.
    private func entries(
        of channels: [ChannelRow],
        only: ChannelName?,
        _ window: Window,
        ascending: Bool = true,
        cursor: EventID,
        maximumBytes: Int
    ) throws -> (entries: [LogEntry], end: EventID?) {
        let comesFirst: (EventID, EventID) -> Bool = ascending ? { $0 < $1 } : { $0 > $1 }
        var rows = EventRows()
        var isCut = false
        let sources = channels.map {
            let after = max(window.after, $0.evictedThrough)
            return EventMerge.Source(channel: $0.name, rowID: $0.rowID, after: after, before: window.before)
        }
        func take(_ row: SQLiteStatement, _ channel: ChannelName) -> Bool {
            rows.append(row, of: channel)
            isCut = rows.count == window.limit || rows.payloadBytes >= maximumBytes
            return !isCut
        }
        if sources.count <= EventMerge.maximumSources {
            try (ascending ? self.oldestFirst : self.newestFirst).eachRow(of: sources, take: take)
        } else {
            let sweep = ascending ? self.manyOldestFirst : self.manyNewestFirst
            try sweep.eachRow(of: sources, limit: window.limit, take: take)
        }
        let events = rows.entries()
        // Where the events were cut short, nothing beyond their end is accounted for.
        var window = window
        var end = isCut ? events.last?.id : nil
        if let end { if ascending { window.before = end.next } else { window.after = EventID(end.rawValue - 1) } }
        let gaps = try self.gaps(of: channels, only: only, window, ascending: ascending, cursor: cursor)
        if gaps.isEmpty { return (events, end) }
        var entries = (events + gaps).sorted { comesFirst($0.id, $1.id) }
        if gaps.count == window.limit, let last = gaps.last?.id {
            end = end.map { comesFirst($0, last) ? $0 : last } ?? last
            if let end { entries.removeAll { comesFirst(end, $0.id) } }
        }
        if entries.count > window.limit {
            entries.removeLast(entries.count - window.limit)
            end = entries.last?.id
        }
        return (entries, end)
    }

    /// Stored gaps that say something about the channels.
    private func gaps(
        of rows: [ChannelRow],
        only: ChannelName?,
        _ window: Window,
        ascending: Bool,
        cursor: EventID
    ) throws -> [LogEntry] {
        guard let recordedFrom = rows.map(\.recordedFrom).min() else { return [] }
        let names = Dictionary(rows.map { ($0.rowID, $0.name) }) { first, _ in first }
        var gaps: [LogEntry] = []
        try (ascending ? self.gaps : self.gapsNewestFirst).eachRow {
            $0.bind(1, window.after)
            $0.bind(2, window.before)
        } row: { row in
            let channel = row.isNull(3) ? nil : names[row.integer(3)]
            // One of all channels from before a channel was recorded says nothing about it.
            let concerns = row.isNull(3) ? row.id(0) >= recordedFrom : channel != nil
            if !concerns { return true }
            let gap = Self.gap(row, of: channel ?? only)
            // One that says only where the recording began is nothing to a cursor that claims nothing about the time
            // before. One of all channels says more: others went into it.
            let isBeginning = !row.isNull(3) && gap.after == .zero && gap.reason == .unrecorded
            if isBeginning, cursor == .zero { return true }
            gaps.append(.gap(gap))
            return gaps.count < window.limit
        }
        return gaps
    }

    private static func gap(_ row: SQLiteStatement, of channel: ChannelName?) -> Gap {
        // A reason that somebody's shell wrote is told as the general one rather than kept back.
        Gap(
            id: row.id(0),
            channel: channel,
            after: row.id(1),
            before: row.id(0).next,
            reason: Gap.Reason(rawValue: row.text(2)) ?? .unlogged
        )
    }
}
