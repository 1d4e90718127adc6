import RelayCore

/// Reads the events of several channels side by side, in the order of ids: each channel by a statement of its own, which
/// is one step ahead, so that no row is read that isn't given.
final class EventMerge {
    private let connection: SQLiteConnection
    private let select: String
    /// Made when they are needed first, and kept: as many as channels were ever read together.
    private var statements: [SQLiteStatement] = []

    /// As many as can be named: what patterns find beyond that is swept up (`EventSweep`), since each channel takes a
    /// statement of some kilobytes and a page of the file while it is read. Measured, a page of 128 KiB: 1.2 ms with 100
    /// channels, 33 ms with 1,000.
    static let maximumSources = ChannelSelection.maximumChannels
    static let columns = "id, ahead, payload"

    /// A channel, and what of it is read; both ends are exclusive.
    struct Source {
        let channel: ChannelName
        let rowID: Int64
        let after: EventID
        let before: EventID
    }

    /// - Parameter ascending: from the oldest on.
    init(_ connection: SQLiteConnection, ascending: Bool) {
        self.connection = connection
        self.select = """
            SELECT \(Self.columns) FROM event
            WHERE channel_id = ?1 AND id > ?2 AND id < ?3
            ORDER BY id \(ascending ? "ASC" : "DESC")
            """
        self.comesFirst = ascending ? { $0 < $1 } : { $0 > $1 }
    }

    private let comesFirst: (EventID, EventID) -> Bool

    /// - Parameters:
    ///   - sources: `maximumSources` at the most.
    ///   - take: is given each row, which has `columns` first, until it returns false.
    func eachRow(of sources: [Source], take: (SQLiteStatement, ChannelName) -> Bool) throws {
        precondition(sources.count <= Self.maximumSources, "so many channels are not read side by side")
        while self.statements.count < sources.count { self.statements.append(try self.connection.prepare(self.select)) }
        let statements = self.statements[..<sources.count]
        defer { for statement in statements { statement.reset() } }
        // Those with a row, and the row's id.
        var ahead: [(place: Int, id: EventID)] = []
        for (place, source) in sources.enumerated() {
            let statement = statements[place]
            statement.bind(1, source.rowID)
            statement.bind(2, source.after)
            statement.bind(3, source.before)
            if try statement.step() { ahead.append((place, statement.id(0))) }
        }
        while ahead.count > 1, let next = ahead.indices.min(by: { self.comesFirst(ahead[$0].id, ahead[$1].id) }) {
            let place = ahead[next].place
            if !take(statements[place], sources[place].channel) { return }
            if try statements[place].step() {
                ahead[next].id = statements[place].id(0)
            } else {
                ahead.swapAt(next, ahead.count - 1)
                ahead.removeLast()
            }
        }
        // The last one with rows has nobody to be compared with.
        guard let place = ahead.first?.place else { return }
        let statement = statements[place]
        repeat {
            if !take(statement, sources[place].channel) { return }
        } while try statement.step()
    }
}
