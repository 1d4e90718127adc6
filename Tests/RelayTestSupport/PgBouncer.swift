import Foundation

/// A real connection pooler before a server, in a folder of its own, reached by its Unix socket. It ends with the test
/// process, however that ends.
package final class PgBouncer: Sendable {
    package enum Mode: String, Sendable {
        case session, transaction
    }

    private let folder: String
    private let caretaker: Caretaker

    package init(_ mode: Mode, before postgres: EphemeralPostgres) async throws {
        self.folder = "/tmp/eventrelay-test-\(UUID().uuidString.prefix(13))"
        try FileManager.default.createDirectory(
            atPath: self.folder,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        let settings = """
            [databases]
            * = host=\(postgres.host) user=postgres
            [pgbouncer]
            pool_mode = \(mode.rawValue)
            auth_type = any
            listen_addr =
            listen_port = 5432
            unix_socket_dir = \(self.folder)

            """
        try settings.write(toFile: self.folder + "/pgbouncer.ini", atomically: true, encoding: .utf8)
        let isRoot = geteuid() == 0
        if isRoot { try runToEnd("/bin/chown", ["-R", "postgres", self.folder]) }
        self.caretaker = try Caretaker(
            script: """
                trap '' INT TERM; /usr/sbin/pgbouncer \(isRoot ? "-u postgres" : "") \(self.folder)/pgbouncer.ini & \
                cat > /dev/null; kill -KILL $!; wait; rm -rf \(self.folder)
                """,
            readsOutput: true
        )
        var lines: [String] = []
        while let line = try await self.caretaker.lines.next() {
            if line.contains("process up") { return }
            lines.append(line)
        }
        throw CommandFailure(command: "pgbouncer", output: lines.joined(separator: "\n"))
    }

    /// What `host=` is for it.
    package var host: String { self.folder }

    /// Its Unix socket.
    package var socket: String { self.folder + "/.s.PGSQL.5432" }
}
