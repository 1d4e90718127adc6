import Foundation
import Synchronization

/// The program as its users start it: a process, its environment, its log.
package final class RelayProcess: Sendable {
    private let process: ChildProcess
    private let seen = Mutex<[String]>([])
    private let portSeen = Mutex(0)

    /// The binary that was built together with the tests.
    package static let binary: String = {
        if let path = ProcessInfo.processInfo.environment["PG_EVENTRELAY"] { return path }
        let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return tests.deletingLastPathComponent().appendingPathComponent("pg_eventrelay").path
    }()

    /// What a sanitizer that is built into the program reads (scripts/sanitize.sh).
    private static let sanitizerOptions = ProcessInfo.processInfo.environment.filter {
        ["TSAN_OPTIONS", "ASAN_OPTIONS"].contains($0.key)
    }

    /// Whether a sanitizer is built into it, which keeps more memory than the program takes.
    package static var isSanitized: Bool { !self.sanitizerOptions.isEmpty }

    /// - Parameters:
    ///   - environment: all of it; nothing is inherited, but for a sanitizer's options.
    ///   - descriptors: how many it may have open.
    package init(
        _ arguments: [String] = [],
        environment: [String: String] = [:],
        folder: String = "/tmp",
        descriptors: Int? = nil
    ) throws {
        let limited = descriptors.map { ["/usr/bin/prlimit", "--nofile=\($0)"] } ?? []
        let command = limited + [Self.binary] + arguments
        self.process = try ChildProcess(
            command[0],
            Array(command.dropFirst()),
            environment: environment.merging(Self.sanitizerOptions) { own, _ in own },
            folder: folder,
            readsOutput: true
        )
    }

    deinit {
        self.kill()
    }

    /// A relay on a free port with its log in `folder`, ready to serve.
    /// - Parameter serves: see `waitForPort`.
    package static func start(
        database: String,
        folder: String,
        environment: [String: String] = [:],
        arguments: [String] = [],
        descriptors: Int? = nil,
        serves: String = "] serving"
    ) async throws -> RelayProcess {
        let defaults = [
            "DATABASE_URL": database, "ES_HTTPPORT": "0", "ES_HTTPHOST": "127.0.0.1", "ES_LOGPATH": folder + "/log.db",
        ]
        let relay = try RelayProcess(
            arguments,
            environment: defaults.merging(environment) { $1 },
            folder: folder,
            descriptors: descriptors
        )
        try await relay.waitForPort(serves)
        return relay
    }

    /// The same, and listening to PostgreSQL.
    package static func startListening(
        database: String,
        folder: String,
        environment: [String: String] = [:],
        arguments: [String] = [],
        descriptors: Int? = nil
    ) async throws -> RelayProcess {
        let relay = try await self.start(
            database: database,
            folder: folder,
            environment: environment,
            arguments: arguments,
            descriptors: descriptors
        )
        try await relay.waitForLog("listening to PostgreSQL")
        return relay
    }

    package var port: Int { self.portSeen.withLock { $0 } }

    /// The port that it serves at, once it does.
    /// - Parameter serves: what it writes then: another where it speaks TLS only.
    @discardableResult
    package func waitForPort(_ serves: String = "] serving") async throws -> Int {
        let port = Self.port(in: try await self.waitForLog(serves))
        self.portSeen.withLock { $0 = port }
        return port
    }

    /// That a line of its log names.
    package static func port(in line: String) -> Int {
        line.split(separator: " ").first { $0.hasPrefix("port=") }.flatMap { Int($0.dropFirst(5)) } ?? 0
    }

    /// Waits for a line that contains `text`, among those written since start and not matched by an earlier call. A relay
    /// that goes on writing other lines is not waited for longer than a silent one.
    @discardableResult
    package func waitForLog(_ text: String) async throws -> String {
        let earlier = self.seen.withLock { seen -> String? in
            guard let index = seen.firstIndex(where: { $0.contains(text) }) else { return nil }
            return seen.remove(at: index)
        }
        if let earlier { return earlier }
        let deadline = ContinuousClock.now + .patience
        // One that is late and one that ended are told in the same way: with what it wrote instead.
        while let line = try? await self.process.lines.next(within: deadline - .now) {
            if line.contains(text) { return line }
            self.seen.withLock { $0.append(line) }
        }
        throw LogEnded(expected: text, lines: self.seen.withLock { $0 })
    }

    /// Everything written so far that `waitForLog` did not return.
    package func log() -> [String] {
        self.seen.withLock { seen in
            seen.append(contentsOf: self.process.lines.takeAll())
            return seen
        }
    }

    package func signal(_ number: Int32) { self.process.signal(number) }

    package func kill() { self.process.signal(SIGKILL) }

    /// Waits for the end: the exit status, or 128 and the signal's number. Once.
    package func exitStatus() async throws -> Int32 { try await self.process.exitStatus() }

    /// Of each file that it writes to, in bytes; nil for no limit. Writing beyond it fails as on a full disk.
    package func limitFiles(to bytes: Int?) throws { try self.process.limitFiles(to: bytes) }

    package var residentKiB: Int { self.process.residentKiB }

    package var descriptors: Int { self.process.descriptors }

    package func limitDescriptors(to count: Int) throws { try self.process.limitDescriptors(to: count) }

    /// Ends it as an operator does, and waits.
    package func stop() async throws -> Int32 {
        self.signal(SIGTERM)
        return try await self.exitStatus()
    }
}

package struct LogEnded: Error, CustomStringConvertible {
    package let expected: String
    package let lines: [String]

    package var description: String {
        "the relay did not write '\(self.expected)'. It wrote:\n" + self.lines.joined(separator: "\n")
    }
}
