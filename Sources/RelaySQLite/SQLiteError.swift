import CSQLite

/// What SQLite answered, on which work.
package struct SQLiteError: Error, Sendable, Equatable {
    /// The extended result code (https://www.sqlite.org/rescode.html).
    package let extendedCode: Int32
    package let message: String
    /// What was tried: SQL text or the name of the call.
    package let work: String

    /// The result code without its extension.
    package var code: Int32 { self.extendedCode & 0xff }

    /// What is in the file can't be a database, or can't be read from the disk at all.
    var isDamage: Bool {
        self.code == SQLITE_CORRUPT || self.code == SQLITE_NOTADB || Self.unreadable.contains(self.extendedCode)
    }

    /// SQLITE_IOERR_READ, SQLITE_IOERR_SHORT_READ and SQLITE_IOERR_CORRUPTFS, macros that Swift doesn't import.
    private static let unreadable: [Int32] = [1, 2, 33].map { SQLITE_IOERR | $0 << 8 }
}

extension SQLiteError: CustomStringConvertible {
    package var description: String {
        "SQLite can't do '\(self.work)': \(self.message) (code \(self.extendedCode))"
    }
}
