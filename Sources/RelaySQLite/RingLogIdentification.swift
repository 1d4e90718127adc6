import RelayCore

/// Reads who a log is and where its ids go on; a new one gets its name and its beginning.
enum RingLogIdentification {
    /// - Parameter kept: the high water mark that the lock file keeps; nil if it has none.
    static func identify(
        _ connection: SQLiteConnection,
        path: String,
        kept: EventID?,
        now: Timestamp
    ) throws -> LogIdentity {
        let isNew = try connection.integer("SELECT count(*) FROM meta") == 0
        if isNew { try self.begin(connection, kept: kept, now: now) }
        // After a power cut the newest rows may be gone; the high water mark, which is synced, tells what was given. In
        // a copy that was put back the mark is as old as the rows; the one in the lock file is not.
        let found = try connection.integer(
            """
            SELECT max(begins_after, forgotten_through,
                       coalesce((SELECT max(id) FROM event), 0),
                       coalesce((SELECT max(id) FROM gap), 0),
                       coalesce((SELECT max(evicted_through) FROM channel), 0))
            FROM meta
            """
        )
        let lastFound = EventID(found ?? 0)
        let identity = try connection.prepare("SELECT log_id, begins_after, high_water, clean FROM meta").first { row in
            LogIdentity(
                logID: row.text(0),
                beginsAfter: row.id(1),
                last: max(row.id(2), lastFound, kept ?? .zero),
                lastFound: lastFound,
                isNew: isNew,
                wasClean: row.integer(3) == 1
            )
        }
        guard let identity else { throw RingLogOpenError.damaged(path: path, reason: "the table meta is empty") }
        // Ids are counted up from these, so one near the end of all numbers must not get any further than here.
        for id in [identity.beginsAfter, identity.last, lastFound]
        where !(EventID.zero...EventID.latestPlausible).contains(id) {
            throw RingLogOpenError.damaged(path: path, reason: "it has the id \(id), which no clock can have produced")
        }
        return identity
    }

    /// Above every id of a log that lay here before, so that each of its cursors is seen to be from another log.
    private static func begin(_ connection: SQLiteConnection, kept: EventID?, now: Timestamp) throws {
        let logID = String(UInt64.random(in: .min ... .max), radix: 16)
        let margin = EventID(now.advanced(by: EventIDSequence.newLogMargin).microseconds)
        let beginning = max(margin, kept?.next ?? .zero)
        try connection.execute(
            """
            INSERT INTO meta (one, log_id, begins_after, high_water, clean)
            VALUES (1, '\(logID)', \(beginning), \(beginning), 1)
            """
        )
    }
}
