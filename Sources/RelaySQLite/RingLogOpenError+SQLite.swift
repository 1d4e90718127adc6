import CSQLite

extension RingLogOpenError {
    /// What an error of SQLite at opening means for whoever starts the relay.
    init(_ error: SQLiteError, path: String) {
        switch error.code {
        case SQLITE_NOTADB:
            self = .notADatabase(path: path)
        case SQLITE_BUSY, SQLITE_LOCKED:
            self = .busy(path: path)
        case SQLITE_CORRUPT:
            self = .damaged(path: path, reason: error.message)
        case SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_PERM, SQLITE_FULL, SQLITE_IOERR:
            self = .notWritable(path: path, reason: error.message)
        default:
            self = .damaged(path: path, reason: "\(error)")
        }
    }
}
