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

    /// What is in the file can't be a database.
    var isDamage: Bool { self.code == SQLITE_CORRUPT || self.code == SQLITE_NOTADB }
}

extension SQLiteError: CustomStringConvertible {
    package var description: String {
        "SQLite can't do '\(self.work)': \(self.message) (code \(self.extendedCode))"
    }
}
