/// What libpq or PostgreSQL answered, on which work.
package struct PostgresError: Error, Sendable, Equatable {
    /// What was tried: `connect`, `LISTEN`, `read`.
    package let work: String
    /// libpq's own words, on one line; they never contain the password.
    package let message: String

    package init(work: String, message: String) {
        self.work = work
        self.message =
            message.split(whereSeparator: \.isNewline).map { $0.drop(while: \.isWhitespace) }.joined(separator: "; ")
    }
}

extension PostgresError: CustomStringConvertible {
    package var description: String { "PostgreSQL, \(self.work): \(self.message)" }
}
