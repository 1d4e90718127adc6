import CSQLite
import RelayMigrations

/// Brings a database to the newest schema, or says why it must not be touched.
struct Migrator {
    let path: String
    private let steps: [Migration]

    init(path: String, steps: [Migration] = migrations) {
        self.path = path
        self.steps = steps
    }

    /// "pger": the schema sets it (see `migrations/0001_ring_log.sql`).
    static let applicationID: Int64 = 0x7067_6572

    /// Looks before it writes: a foreign or newer file is left as it is.
    func prepare(_ connection: SQLiteConnection) throws {
        let (applicationID, version, isEmpty) = try self.look(connection)
        let known = Int64(self.steps.last?.version ?? 0)
        let isNew = isEmpty && applicationID == 0 && version == 0
        guard isNew || applicationID == Self.applicationID else {
            throw RingLogOpenError.foreignDatabase(path: self.path, applicationID: applicationID)
        }
        guard version <= known else {
            throw RingLogOpenError.newerSchema(path: self.path, version: version, known: known)
        }
        if isNew {
            // These count only before the first table, in this order.
            try connection.execute("PRAGMA page_size = 4096")
            try connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        }
        guard try connection.text("PRAGMA journal_mode = WAL") == "wal" else {
            throw RingLogOpenError.notWritable(path: self.path, reason: "this file system has no write-ahead logging")
        }
        for migration in self.steps where migration.version > version {
            try connection.transaction("BEGIN IMMEDIATE") {
                try connection.execute(migration.sql)
                try connection.execute("PRAGMA user_version = \(migration.version)")
            }
        }
    }

    private func look(
        _ connection: SQLiteConnection
    ) throws -> (applicationID: Int64, version: Int64, isEmpty: Bool) {
        do {
            return (
                try connection.integer("PRAGMA application_id") ?? 0,
                try connection.integer("PRAGMA user_version") ?? 0,
                try connection.integer("SELECT count(*) FROM sqlite_schema") == 0
            )
        } catch let error as SQLiteError where error.code == SQLITE_NOTADB {
            throw RingLogOpenError.notADatabase(path: self.path)
        }
    }
}
