package import RelayCore

/// What libpq or PostgreSQL answered, on which work.
package struct PostgresError: Error, Sendable, Equatable {
    /// What was tried: `connect`, `LISTEN`, `read`.
    package let work: String
    /// What it means if the connection ends by it.
    package let cause: OutageCause
    /// libpq's own words, on one line; they never contain the password.
    package let message: String

    /// A connection that could not be made. libpq tells why only by its text.
    package static func connect(_ message: String) -> PostgresError {
        PostgresError(work: "connect", cause: Self.cause(ofConnect: message), message: message)
    }

    /// With several hosts the text has what each of them said; one that answered says more than one that did not.
    private static func cause(ofConnect message: String) -> OutageCause {
        // libpq's own words for a server that `target_session_attrs` does not want. They are English: a program that
        // doesn't call setlocale gets no translations.
        if ["session is read-only", "server is in hot standby mode"].contains(where: message.contains) {
            return .standby
        }
        // What a server says is its severity, in its own language, a colon and two blanks ("FATAL:  …"). libpq itself
        // has one blank after a colon.
        return message.contains(":  ") ? .refused : .unreachable
    }

    package init(work: String, cause: OutageCause, message: String) {
        self.work = work
        self.cause = cause
        self.message =
            message.split(whereSeparator: \.isNewline).map { $0.drop(while: \.isWhitespace) }.joined(separator: "; ")
    }
}

extension PostgresError: CustomStringConvertible {
    package var description: String { "PostgreSQL, \(self.work): \(self.message)" }
}
