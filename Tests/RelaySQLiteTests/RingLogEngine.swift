import RelayCore
import RelaySQLite
import RelayTestSupport

/// Ring logs in a folder of the test's own.
struct RingLogEngine: EventLogEngine {
    let folder: TemporaryFolder

    init() throws {
        self.folder = try TemporaryFolder()
    }

    var path: String { self.folder.file("log.db") }

    func open(_ retention: Retention, clock: ServerClock) async throws -> any EventLog {
        try RingLog.open(path: self.path, retention: retention, clock: clock)
    }
}
