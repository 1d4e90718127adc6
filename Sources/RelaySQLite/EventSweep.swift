import RelayCore

/// Reads the events of any number of channels in the order of ids, by the same few statements however many they are.
///
/// Rows of all channels are looked at in the order of ids, and those of others passed over: where the channels have a good
/// part of the log, that is a page of it. Where they have not, each is asked for its nearest events, in the index alone. So
/// a page costs no more than `rowsAtOnce` rows, or `bytesPassedOver` of payloads, and a look for each channel.
final class EventSweep {
    private let ascending: Bool
    private let all: SQLiteStatement
    private let nearest: SQLiteStatement
    private let byID: SQLiteStatement

    /// Rows looked at before the channels are asked: a millisecond.
    private static let rowsAtOnce = 4096
    /// Payload bytes of rows that are passed over, which SQLite reads too.
    private static let bytesPassedOver = 1 << 20

    /// - Parameter ascending: from the oldest on.
    init(_ connection: SQLiteConnection, ascending: Bool) throws {
        self.ascending = ascending
        let order = "ORDER BY id \(ascending ? "ASC" : "DESC") LIMIT"
        self.all = try connection.prepare(
            """
            SELECT \(EventMerge.columns), channel_id, bytes FROM event WHERE id > ?1 AND id < ?2
            \(order) \(Self.rowsAtOnce)
            """
        )
        self.nearest = try connection.prepare(
            "SELECT id FROM event WHERE channel_id = ?1 AND id > ?2 AND id < ?3 \(order) ?4"
        )
        self.byID = try connection.prepare("SELECT \(EventMerge.columns), channel_id, bytes FROM event WHERE id = ?1")
    }

    /// - Parameters:
    ///   - limit: of events, after which `take` wants no more.
    ///   - take: is given each row, which has `EventMerge.columns` first, until it returns false.
    func eachRow(
        of sources: [EventMerge.Source],
        limit: Int,
        take: (SQLiteStatement, ChannelName) -> Bool
    ) throws {
        guard let after = sources.map(\.after).min(), let before = sources.map(\.before).max() else { return }
        let byRow = Dictionary(sources.map { ($0.rowID, $0) }) { first, _ in first }
        var (seen, taken, passedOver, isDone) = (0, 0, 0, false)
        var place = self.ascending ? after : before
        func takeRow(_ row: SQLiteStatement) -> Bool {
            place = row.id(0)
            guard let source = byRow[row.integer(3)], source.after < place, place < source.before else {
                passedOver += Int(row.integer(4))
                return passedOver < Self.bytesPassedOver
            }
            taken += 1
            isDone = !take(row, source.channel)
            return !isDone
        }
        try self.all.eachRow {
            $0.bind(1, after)
            $0.bind(2, before)
        } row: { row in
            seen += 1
            return takeRow(row)
        }
        if isDone || seen < Self.rowsAtOnce && passedOver < Self.bytesPassedOver { return }
        for id in try self.nearestEvents(of: sources, beyond: place, limit: limit - taken) {
            try self.byID.eachRow {
                $0.bind(1, id)
            } row: {
                takeRow($0)
            }
            if isDone { return }
        }
    }

    /// The ids that come next, `limit` at the most.
    private func nearestEvents(
        of sources: [EventMerge.Source],
        beyond place: EventID,
        limit: Int
    ) throws -> [EventID] {
        var ids: [EventID] = []
        // Beyond it lies none of those that come next.
        var end = self.ascending ? EventID.limit : EventID.zero
        func keepNearest() {
            ids.sort { self.ascending ? $0 < $1 : $1 < $0 }
            if ids.count > limit { ids.removeLast(ids.count - limit) }
            if ids.count == limit, let last = ids.last { end = last }
        }
        for source in sources {
            let (after, before) = self.ascending ? (place, end) : (end, place)
            try self.nearest.eachRow {
                $0.bind(1, source.rowID)
                $0.bind(2, max(source.after, after))
                $0.bind(3, min(source.before, before))
                $0.bind(4, Int64(limit))
            } row: { row in
                ids.append(row.id(0))
                return true
            }
            if ids.count >= 2 * limit { keepNearest() }
        }
        keepNearest()
        return ids
    }
}
