/// Why the log can't be opened. Nothing was changed, moved or deleted.
package enum RingLogOpenError: Error, Sendable, Equatable {
    case noFolder(path: String, reason: String)
    case notWritable(path: String, reason: String)
    case heldByAnother(path: String)
    case busy(path: String)
    case notADatabase(path: String)
    case foreignDatabase(path: String, applicationID: Int64)
    case newerSchema(path: String, version: Int64, known: Int64)
    case damaged(path: String, reason: String)
}

extension RingLogOpenError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noFolder(let path, let reason):
            "the log '\(path)' can't be created: \(reason). Create the folder, or set LogPath to another place"
        case .notWritable(let path, let reason):
            """
            the log '\(path)' can't be written: \(reason). Let this user write to the file and its folder, \
            or set LogPath to another place
            """
        case .heldByAnother(let path):
            """
            the log '\(path)' is in use by another relay (it holds '\(path).lock'). One log belongs to one relay: \
            stop the other, or set LogPath to another file
            """
        case .busy(let path):
            "the log '\(path)' is locked by another program, perhaps an sqlite3 shell with an open transaction: end it"
        case .notADatabase(let path):
            "the file '\(path)' is not an SQLite database. Set LogPath to another file, or move this one away"
        case .foreignDatabase(let path, let applicationID):
            """
            the file '\(path)' is an SQLite database of another program (application id \(applicationID)). \
            Set LogPath to another file
            """
        case .newerSchema(let path, let version, let known):
            """
            the log '\(path)' was written by a newer pg_eventrelay: its schema has version \(version), while this \
            program knows up to \(known). Install the newer program, or set LogPath to another file
            """
        case .damaged(let path, let reason):
            """
            the log '\(path)' is damaged: \(reason). Move it and its -wal file away; the relay then starts a new log, \
            and tells returning clients that what they missed is gone
            """
        }
    }
}
