import RelayCore

/// The connection for what takes long and what nobody waits for: it moves the write-ahead log into the file, and counts
/// what the channels hold. Used from one thread.
final class RingLogCheckpointer {
    private let connection: SQLiteConnection
    private let clock: ServerClock
    private let channels: SQLiteStatement
    private var census: (result: ChannelCensus, until: Timestamp)?

    /// How long a census is given again, at the least. One takes 0.13 s for a million events.
    private static let shortestCensus = Duration.seconds(1)
    /// And as a multiple of the time that it took: so whoever asks, and however often, a twentieth of the thread's time
    /// goes into counting.
    private static let censusRest = 20

    init(path: String, clock: ServerClock) throws {
        self.connection = try RingLogConnection.open(path: path, busyTimeout: .zero)
        self.clock = clock
        // A census reads each page of an index once.
        try self.connection.execute("PRAGMA cache_size = -1024")
        // Numbers and bytes are found in the index alone, both ends of a channel by a look each.
        self.channels = try self.connection.prepare(
            """
            SELECT name, since, evicted_through, coalesce(events, 0), coalesce(bytes, 0),
                   (SELECT min(id) FROM event WHERE channel_id = channel.id),
                   (SELECT max(id) FROM event WHERE channel_id = channel.id)
            FROM channel LEFT JOIN (
                SELECT channel_id, count(*) AS events, sum(bytes) AS bytes FROM event GROUP BY channel_id
            ) AS counted ON counted.channel_id = channel.id
            WHERE recording = 1
            """
        )
    }

    /// As far as it goes without waiting for anybody.
    func checkpoint() throws {
        try self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    }

    func takeCensus() throws -> ChannelCensus {
        let now = self.clock.now()
        if let census = self.census, now < census.until { return census.result }
        var channels: [ChannelName: ChannelFigures] = [:]
        try self.channels.eachRow { row in
            guard let name = try? ChannelName(row.text(0)) else { return true }
            channels[name] = ChannelFigures(
                events: Int(row.integer(3)),
                bytes: row.integer(4),
                positions: ChannelPositions(
                    oldest: row.isNull(5) ? nil : row.id(5),
                    newest: row.isNull(6) ? nil : row.id(6),
                    floor: row.id(2),
                    recordedSince: Timestamp(microseconds: row.integer(1))
                )
            )
            return true
        }
        let result = ChannelCensus(taken: now, channels: channels)
        let end = self.clock.now()
        let took = Duration.microseconds(end.microseconds - now.microseconds)
        self.census = (result, end.advanced(by: max(Self.shortestCensus, took * Self.censusRest)))
        return result
    }
}
