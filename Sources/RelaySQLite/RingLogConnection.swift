import RelayCore

/// Opens connections to the log with the settings that all of them share.
enum RingLogConnection {
    /// - Parameters:
    ///   - busyTimeout: how long a call waits for a lock that another process holds.
    ///   - creates: makes the file where there is none.
    static func open(path: String, busyTimeout: Duration, creates: Bool = false) throws -> SQLiteConnection {
        let connection = try SQLiteConnection(path: path, busyTimeout: busyTimeout, creates: creates)
        try connection.execute(
            """
            PRAGMA synchronous = NORMAL;             -- a power cut may lose the newest commits, never the order or an id
            PRAGMA secure_delete = OFF;              -- Debian's default is on: it would write each evicted page again
            PRAGMA wal_autocheckpoint = 4000;        -- 16 MiB, should the checkpointer not get through
            PRAGMA journal_size_limit = 67108864;
            PRAGMA cache_size = -16384;
            PRAGMA temp_store = MEMORY;
            PRAGMA mmap_size = 0;                    -- an I/O error is then an error and not a signal
            """
        )
        return connection
    }
}

extension SQLiteStatement {
    func bind(_ index: Int32, _ id: EventID) {
        self.bind(index, id.rawValue)
    }

    func id(_ column: Int32) -> EventID {
        EventID(self.integer(column))
    }
}
