import Glibc
import RelayTestSupport

/// The relay of a soak: hands out its port, and is started again whenever it ends. Who asks meanwhile waits.
actor SoakRelay {
    private let database: String
    private let folder: String
    private let environment: [String: String]
    private var current: Task<RelayProcess, any Error>
    private(set) var starts = 0
    /// Exit statuses of stops by SIGTERM, and of starts that failed.
    private(set) var statuses: [String: Int] = [:]

    /// A shell that holds the log's lock makes a start fail with 75; a service manager tries again too.
    private static let attempts = 20

    init(database: String, folder: String, environment: [String: String]) {
        self.database = database
        self.folder = folder
        self.environment = environment
        self.current = Task { [database, folder, environment] in
            try await RelayProcess.startListening(database: database, folder: folder, environment: environment)
        }
    }

    var process: RelayProcess { get async throws { try await self.current.value } }
    var port: Int { get async throws { try await self.process.port } }

    /// Ends it and starts it again; returns when it serves.
    func restart(by signal: Int32) async throws {
        let ending = try await self.current.value
        let replacement = Task {
            ending.signal(signal)
            let status = try await ending.exitStatus()
            self.count("\(signal == SIGTERM ? "stopped" : "killed") with \(status)")
            return try await self.start()
        }
        self.current = replacement
        _ = try await replacement.value
    }

    private func start() async throws -> RelayProcess {
        for _ in 1..<Self.attempts {
            do {
                return try await self.startOnce()
            } catch is LogEnded {
                self.count("start failed")
            }
        }
        return try await self.startOnce()
    }

    private func startOnce() async throws -> RelayProcess {
        self.starts += 1
        return try await RelayProcess.start(database: self.database, folder: self.folder, environment: self.environment)
    }

    private func count(_ status: String) { self.statuses[status, default: 0] += 1 }

    /// Ends it as an operator does.
    func stop() async throws -> Int32 {
        try await self.process.stop()
    }
}
