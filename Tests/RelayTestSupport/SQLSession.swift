import CLibpq
import Glibc
import RelayThreads

/// A connection by which a test publishes and asks, on a thread of its own.
package final class SQLSession: Sendable {
    private let connection: ThreadOwned<Connection>

    /// - Throws: `SQLFailure`.
    package init(_ url: String) throws {
        self.connection = ThreadOwned(try Connection(url))
    }

    /// Runs statements; the rows of the last one.
    @discardableResult
    package func run(_ sql: String) async throws -> [[String?]] {
        try await self.connection.perform { try $0.run(sql) }
    }

    /// Runs one statement after the other, each in a transaction of its own.
    package func runEach(_ statements: [String]) async throws {
        try await self.connection.perform { connection in
            for sql in statements { _ = try connection.run(sql) }
        }
    }

    /// What has come on the channels that this session listens to, and was not taken yet. Its own notifications are here
    /// with the answer to the COMMIT that sends them.
    package func notifications() async throws -> [(channel: String, payload: String)] {
        try await self.connection.perform { $0.notifications() }
    }

    package func notify(_ channel: String, _ payload: String) async throws {
        try await self.run("SELECT pg_notify(\(Self.literal(channel)), \(Self.literal(payload)))")
    }

    package static func literal(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    }

    private final class Connection {
        private let handle: OpaquePointer

        init(_ url: String) throws {
            guard let handle = Self.connect(url) else { throw SQLFailure(message: "out of memory") }
            guard PQstatus(handle) == CONNECTION_OK else {
                defer { PQfinish(handle) }
                throw SQLFailure(message: String(cString: PQerrorMessage(handle)))
            }
            PQsetNoticeReceiver(handle, { _, _ in }, nil)
            self.handle = handle
        }

        deinit { PQfinish(self.handle) }

        /// The server ends a statement that takes too long, so that nobody waits for ever.
        private static func connect(_ url: String) -> OpaquePointer? {
            let seconds = Duration.patience.components.seconds
            let parameters = [
                ("dbname", url), ("connect_timeout", "\(seconds)"), ("options", "-c statement_timeout=\(seconds)s"),
            ]
            let keywords = parameters.map { UnsafePointer(strdup($0.0)) } + [nil]
            let values = parameters.map { UnsafePointer(strdup($0.1)) } + [nil]
            defer { for copy in keywords + values { free(UnsafeMutablePointer(mutating: copy)) } }
            return PQconnectdbParams(keywords, values, 1)
        }

        func notifications() -> [(channel: String, payload: String)] {
            PQconsumeInput(self.handle)
            var taken: [(channel: String, payload: String)] = []
            while let notification = PQnotifies(self.handle) {
                defer { PQfreemem(notification) }
                taken.append(
                    (String(cString: notification.pointee.relname), String(cString: notification.pointee.extra))
                )
            }
            return taken
        }

        func run(_ sql: String) throws -> [[String?]] {
            let result = PQexec(self.handle, sql)
            defer { PQclear(result) }
            let status = PQresultStatus(result)
            guard status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK else {
                throw SQLFailure(message: String(cString: PQerrorMessage(self.handle)))
            }
            return (0..<PQntuples(result)).map { row in
                (0..<PQnfields(result)).map { column in
                    PQgetisnull(result, row, column) == 1 ? nil : String(cString: PQgetvalue(result, row, column))
                }
            }
        }
    }
}

package struct SQLFailure: Error, CustomStringConvertible {
    package let message: String

    package var description: String { self.message }
}
