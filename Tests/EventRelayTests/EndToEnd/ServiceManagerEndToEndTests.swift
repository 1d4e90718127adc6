import Glibc
import RelayTestSupport
import Testing

/// The program as a service manager starts it.
@Suite(.timeLimit(.minutes(2)))
struct ServiceManagerEndToEndTests {
    @Test(arguments: ["", "@"])
    func `the manager hears when it serves, how it is, that it lives, and that it stops`(mark: String) async throws {
        let folder = try TemporaryFolder()
        let name = mark + folder.file("notify")
        let manager = try NotificationReceiver(name: name)
        manager.startReading()
        let relay = try await RelayProcess.start(
            database: "host=/nowhere",
            folder: folder.path,
            environment: ["NOTIFY_SOCKET": name, "WATCHDOG_USEC": "200000"]
        )
        // In any order, and more than one sign of life.
        var heard: [String: Int] = [:]
        while heard["READY=1"] == nil || heard["WATCHDOG=1", default: 0] < 3 || !heard.keys.contains(where: isOutage) {
            heard[try #require(try await manager.messages.next()), default: 0] += 1
        }
        #expect(heard["READY=1"] == 1)
        #expect(try await HTTPTestClient.get("/health", port: relay.port).status == 503)

        relay.signal(SIGTERM)
        try await manager.next("STOPPING=1")
        #expect(try await relay.exitStatus() == 0)
    }

    private func isOutage(_ message: String) -> Bool {
        message.hasPrefix("STATUS=no connection to PostgreSQL since ") && message.hasSuffix("(unreachable)")
    }

    @Test
    func `a manager that is not there keeps nothing from serving`() async throws {
        let folder = try TemporaryFolder()
        let relay = try await RelayProcess.start(
            database: "host=/nowhere",
            folder: folder.path,
            environment: ["NOTIFY_SOCKET": folder.file("nobody")]
        )
        try await relay.waitForLog("can't report to the service manager")
        #expect(try await relay.stop() == 0)
    }

    @Test
    func `what does not start is not ready`() async throws {
        let folder = try TemporaryFolder()
        let manager = try NotificationReceiver(name: folder.file("notify"))
        manager.startReading()
        let world = try await World()
        let second = try RelayProcess(environment: [
            "NOTIFY_SOCKET": folder.file("notify"), "ES_HTTPPORT": "\(world.relay.port)", "ES_HTTPHOST": "127.0.0.1",
            "ES_LOGPATH": folder.file("log.db"), "DATABASE_URL": world.database,
        ])
        #expect(try await second.exitStatus() == 69)
        #expect(!manager.messages.takeAll().contains("READY=1"))
    }
}
