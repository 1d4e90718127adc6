import CSQLite

/// One open database, used from one thread at a time; its isolation is its owner's. Its errors are `SQLiteError`s.
final class SQLiteConnection {
    private let handle: OpaquePointer

    /// Opens a file for reading and writing.
    /// - Parameter creates: makes it where there is none.
    init(path: String, busyTimeout: Duration, creates: Bool) throws {
        var handle: OpaquePointer?
        // No mutex: one thread at a time is our own rule.
        let flags =
            SQLITE_OPEN_READWRITE | (creates ? SQLITE_OPEN_CREATE : 0) | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = sqlite3_open_v2(path, &handle, flags, nil)
        guard code == SQLITE_OK, let handle else {
            let message = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close_v2(handle)
            throw SQLiteError(extendedCode: code, message: message, work: "open")
        }
        self.handle = handle
        self.setBusyTimeout(busyTimeout)
    }

    deinit {
        // At its end SQLite deletes the write-ahead log by its name, which may be another database's by now.
        if self.hasMoved() {
            var keep: Int32 = 1
            sqlite3_file_control(self.handle, "main", SQLITE_FCNTL_PERSIST_WAL, &keep)
        }
        // Statements that are still there keep the database open until they are finalized.
        sqlite3_close_v2(self.handle)
    }

    /// How long a call waits for a lock that another connection holds.
    func setBusyTimeout(_ timeout: Duration) {
        sqlite3_busy_timeout(self.handle, Int32(timeout / .milliseconds(1)))
    }

    /// Runs statements that give no rows that matter.
    func execute(_ sql: String) throws {
        let code = sqlite3_exec(self.handle, sql, nil, nil, nil)
        if code != SQLITE_OK { throw self.error(code, work: sql) }
    }

    func prepare(_ sql: String) throws -> SQLiteStatement {
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(self.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw self.error(code, work: sql) }
        return SQLiteStatement(statement, of: self, sql: sql)
    }

    /// The first column of the first row, or nil where there is no row.
    func integer(_ sql: String) throws -> Int64? {
        try self.prepare(sql).first { $0.integer(0) }
    }

    func text(_ sql: String) throws -> String? {
        try self.prepare(sql).first { $0.text(0) }
    }

    /// Runs `body` in a transaction that is committed if it returns and rolled back if it throws.
    /// - Parameter begin: `BEGIN IMMEDIATE` for a writer; `BEGIN` gives a reader one snapshot for all it reads.
    func transaction<Result>(_ begin: String, _ body: () throws -> Result) throws -> Result {
        try self.execute(begin)
        do {
            let result = try body()
            try self.execute("COMMIT")
            return result
        } catch {
            // Some errors (a full disk) have rolled back already. If this fails too, the next BEGIN says so.
            if sqlite3_get_autocommit(self.handle) == 0 { try? self.execute("ROLLBACK") }
            throw error
        }
    }

    /// Writes all of the database to a new file, in one go.
    func copy(to path: String) throws {
        let target = try SQLiteConnection(path: path, busyTimeout: .zero, creates: true)
        guard let backup = sqlite3_backup_init(target.handle, "main", self.handle, "main") else {
            throw target.error(sqlite3_errcode(target.handle), work: "copy")
        }
        let step = sqlite3_backup_step(backup, -1)
        let code = sqlite3_backup_finish(backup)
        // A lock that was in the way is told by the step alone.
        guard step == SQLITE_DONE, code == SQLITE_OK else {
            throw target.error(code == SQLITE_OK ? step : code, work: "copy")
        }
    }

    /// Whether the file at the path is not the one that is open any more: nothing else tells.
    func hasMoved() -> Bool {
        var moved: Int32 = 0
        sqlite3_file_control(self.handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved)
        return moved != 0
    }

    fileprivate func error(_ code: Int32, work: String) -> SQLiteError {
        SQLiteError(extendedCode: code, message: String(cString: sqlite3_errmsg(self.handle)), work: work)
    }
}

/// A prepared statement. Parameters are numbered from 1, columns from 0.
final class SQLiteStatement {
    private let statement: OpaquePointer
    private let connection: SQLiteConnection
    private let sql: String

    fileprivate init(_ statement: OpaquePointer, of connection: SQLiteConnection, sql: String) {
        self.statement = statement
        self.connection = connection
        self.sql = sql
    }

    deinit {
        sqlite3_finalize(self.statement)
    }

    /// Runs it to its end for its effect.
    func run(_ bind: (SQLiteStatement) -> Void = { _ in }) throws {
        try self.eachRow(bind) { _ in true }
    }

    /// Runs it until `row` returns false or no row is left.
    func eachRow(
        _ bind: (SQLiteStatement) -> Void = { _ in },
        row: (SQLiteStatement) -> Bool
    ) throws {
        defer { self.reset() }
        bind(self)
        while try self.step() {
            if !row(self) { return }
        }
    }

    /// Goes on to its next row, for whoever runs several side by side; `reset` is to follow.
    /// - Returns: whether there is one.
    func step() throws -> Bool {
        switch sqlite3_step(self.statement) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw self.connection.error(code, work: self.sql)
        }
    }

    /// Ends a run, so that the next one can begin.
    func reset() {
        // A failed step's error is its own; what this repeats of it says nothing new.
        sqlite3_reset(self.statement)
    }

    /// The first row's value, or nil where there is no row.
    func first<Value>(
        _ bind: (SQLiteStatement) -> Void = { _ in },
        value: (SQLiteStatement) -> Value
    ) throws -> Value? {
        var result: Value?
        try self.eachRow(bind) { row in
            result = value(row)
            return false
        }
        return result
    }

    // MARK: Parameters

    func bind(_ index: Int32, _ value: Int64) {
        sqlite3_bind_int64(self.statement, index, value)
    }

    func bindNull(_ index: Int32) {
        sqlite3_bind_null(self.statement, index)
    }

    func bind(_ index: Int32, text: some Collection<UInt8>) {
        self.withBytes(text) { pointer, count in
            sqlite3_bind_text64(self.statement, index, pointer, UInt64(count), transient, UInt8(SQLITE_UTF8))
        }
    }

    func bind(_ index: Int32, blob: some Collection<UInt8>) {
        self.withBytes(blob) { pointer, count in
            sqlite3_bind_blob64(self.statement, index, pointer, UInt64(count), transient)
        }
    }

    private func withBytes(_ bytes: some Collection<UInt8>, _ body: (UnsafePointer<CChar>, Int) -> Int32) {
        func bind(_ buffer: UnsafeBufferPointer<UInt8>) {
            // An empty value must not be a null pointer, which SQLite takes for NULL.
            guard let base = buffer.baseAddress, !buffer.isEmpty else {
                _ = body("", 0)
                return
            }
            base.withMemoryRebound(to: CChar.self, capacity: buffer.count) { _ = body($0, buffer.count) }
        }
        if bytes.withContiguousStorageIfAvailable(bind) == nil {
            Array(bytes).withUnsafeBufferPointer(bind)
        }
    }

    // MARK: Columns

    func integer(_ column: Int32) -> Int64 {
        sqlite3_column_int64(self.statement, column)
    }

    func isNull(_ column: Int32) -> Bool {
        sqlite3_column_type(self.statement, column) == SQLITE_NULL
    }

    func isText(_ column: Int32) -> Bool {
        sqlite3_column_type(self.statement, column) == SQLITE_TEXT
    }

    func text(_ column: Int32) -> String {
        self.withBytes(column) { String(decoding: $0, as: UTF8.self) }
    }

    /// The bytes of a TEXT or BLOB, which are there for `body` only.
    func withBytes<Result>(_ column: Int32, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        // In this order, as the first may change the value's form.
        let start = sqlite3_column_blob(self.statement, column)
        return body(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(self.statement, column))))
    }
}

/// SQLITE_TRANSIENT, a macro that Swift doesn't import: SQLite copies the bytes before the bind returns.
private let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
