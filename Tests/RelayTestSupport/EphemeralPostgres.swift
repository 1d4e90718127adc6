import Foundation
import RelayThreads
import Synchronization

/// A real PostgreSQL server of the tests' own, in a temporary folder, reached by its Unix socket.
///
/// It ends with the test process, however that ends: a caretaker waits for the end of a pipe that the process holds.
package final class EphemeralPostgres: Sendable {
    /// Removed by the caretaker, after it has stopped the server.
    private let folder: String
    private let programs: String
    private let caretaker: Mutex<Caretaker?>
    private let databases = Mutex(0)

    /// The server that all tests share which don't stop it. Each takes a database of its own, as NOTIFY stays within one.
    package static let shared = Result { try EphemeralPostgres() }

    /// - Throws: if no server is installed or it doesn't start; says which.
    package convenience init() throws {
        try self.init(standbyOf: nil)
    }

    private init(standbyOf primary: EphemeralPostgres?) throws {
        self.folder = "/tmp/eventrelay-test-\(UUID().uuidString.prefix(13))"
        self.programs = try Self.findPrograms()
        self.caretaker = Mutex(try Self.caretaker(of: self.folder, self.programs))
        let data = self.folder + "/data"
        // For its owner only: whoever reaches the socket is a superuser.
        try FileManager.default.createDirectory(
            atPath: data,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        if geteuid() == 0 { try runToEnd("/bin/chown", ["postgres", self.folder, data]) }
        if let primary {
            // -R: it follows the primary. No standby waits for a checkpoint of ours.
            try self.runProgram(
                "pg_basebackup",
                ["-h", primary.folder, "-U", "postgres", "-D", data, "-R", "-c", "fast", "--no-sync"]
            )
        } else {
            try self.runProgram(
                "initdb",
                ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
            )
            let rules = data + "/pg_hba.conf"
            let trusting = try String(contentsOfFile: rules, encoding: .utf8)
            // All but the superuser have to give a password.
            try self.write("local all postgres trust\nlocal all all scram-sha-256\n" + trusting, to: rules)
        }
        let settings = data + "/postgresql.conf"
        let defaults = try String(contentsOfFile: settings, encoding: .utf8)
        try self.write(
            defaults + """

                listen_addresses = ''
                unix_socket_directories = '\(self.folder)'
                fsync = off
                max_connections = 200

                """,
            to: settings
        )
        try self.start()
    }

    /// The file stays what it was, and whose.
    private func write(_ text: String, to path: String) throws {
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.truncate(atOffset: 0)
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }

    /// Another server that follows this one and takes questions, but no LISTEN.
    package func makeStandby() throws -> EphemeralPostgres {
        try EphemeralPostgres(standbyOf: self)
    }

    /// A standby becomes a server like others.
    package func promote() throws {
        try self.control(["promote"])
    }

    deinit {
        // The caretaker sees the pipe's end and stops the server.
        self.caretaker.withLock { $0 = nil }
    }

    package func start() throws {
        try self.control(["start", "-l", self.folder + "/server.log"])
    }

    package func stop(mode: String = "fast") throws {
        try self.control(["stop", "-m", mode])
    }

    /// Stops it and starts it again, off the threads that tasks share.
    package func restart(mode: String) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            startThread {
                continuation.resume(
                    with: Result {
                        try self.stop(mode: mode)
                        try self.start()
                    }
                )
            }
        }
    }

    /// Listens with TLS too, at an address of this machine, and starts again for it. It keeps copies of the files, as it
    /// takes no key that others may read.
    package func serveTLS(at address: String, certificate: String, key: String) async throws {
        let data = self.folder + "/data"
        for (file, name) in [(certificate, "server.crt"), (key, "server.key")] {
            let owner = geteuid() == 0 ? ["-o", "postgres"] : []
            try runToEnd("/usr/bin/install", ["-m", "600"] + owner + [file, "\(data)/\(name)"])
        }
        try await SQLSession(self.url("postgres")).runEach([
            "ALTER SYSTEM SET ssl = on", "ALTER SYSTEM SET listen_addresses = '\(address)'",
        ])
        try await self.restart(mode: "fast")
    }

    /// Makes a database and returns its URL.
    package func makeDatabase(encoding: String = "UTF8") async throws -> String {
        let name = self.databases.withLock { count in
            count += 1
            return "test_\(count)"
        }
        try await SQLSession(self.url("postgres")).run(
            "CREATE DATABASE \(name) TEMPLATE template0 ENCODING '\(encoding)'"
        )
        return self.url(name)
    }

    package func url(_ database: String) -> String {
        "postgresql:///\(database)?host=\(self.folder)&user=postgres"
    }

    /// What `host=` is for this server.
    package var host: String { self.folder }

    /// Its Unix socket.
    package var socket: String { self.folder + "/.s.PGSQL.5432" }

    private func control(_ arguments: [String]) throws {
        try self.runProgram("pg_ctl", ["-D", self.folder + "/data", "-w", "-s"] + arguments)
    }

    private func runProgram(_ name: String, _ arguments: [String]) throws {
        let program = "\(self.programs)/\(name)"
        // The server refuses to run as root.
        if geteuid() == 0 {
            try runToEnd("/sbin/runuser", ["-u", "postgres", "--", program] + arguments)
        } else {
            try runToEnd(program, arguments)
        }
    }

    private static func caretaker(of folder: String, _ programs: String) throws -> Caretaker {
        let user = geteuid() == 0 ? "/sbin/runuser -u postgres -- " : ""
        return try Caretaker(
            script:
                "trap '' INT TERM; cat > /dev/null; \(user)\(programs)/pg_ctl -D \(folder)/data -s -m immediate stop; "
                + "rm -rf \(folder)"
        )
    }

    private static func findPrograms() throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).compactMap(Int.init)
        for version in versions.sorted(by: >) {
            let folder = "\(root)/\(version)/bin"
            if FileManager.default.isExecutableFile(atPath: folder + "/initdb") { return folder }
        }
        throw CommandFailure(command: "find \(root)", output: "no PostgreSQL server is installed")
    }
}
