import RelayCore
import RelayTestSupport
import Testing

@testable import EventRelay

@Suite(.timeLimit(.minutes(1)))
struct ServiceManagerServiceTests {
    private let folder: TemporaryFolder
    private let receiver: NotificationReceiver
    private let clock = ManualClock()
    private let isStuck = Watched(false)
    private let asked = Watched(0)
    private let status = Watched("listening to PostgreSQL")

    init() throws {
        self.folder = try TemporaryFolder()
        self.receiver = try NotificationReceiver(name: self.folder.file("notify"))
        self.receiver.startReading()
    }

    /// Runs the service during `body`, with a manager that waits for 30 s.
    private func whileRunning(_ body: () async throws -> Void) async throws {
        let environment = ["NOTIFY_SOCKET": self.folder.file("notify"), "WATCHDOG_USEC": "30000000"]
        let service = ServiceManagerService(
            manager: ServiceManager(environment: environment, failed: { Issue.record("\($0)") }),
            clock: self.clock,
            answer: { [isStuck, asked] in
                asked.change { $0 += 1 }
                _ = try? await isStuck.when { !$0 }
            },
            status: { [status] in status.value }
        )
        try await withThrowingTaskGroup { group in
            group.addTask { try await service.run() }
            try await body()
            group.cancelAll()
        }
    }

    @Test
    func `a sign of life is given at once and at each sixth of the manager's patience`() async throws {
        try await self.whileRunning {
            try await self.receiver.next("WATCHDOG=1")
            for _ in 0..<3 {
                try await self.clock.whenSleeping(2)
                self.clock.advance(by: .seconds(5))
                try await self.receiver.next("WATCHDOG=1")
            }
        }
    }

    @Test
    func `what is stuck gives no sign of life, until it goes on`() async throws {
        try await self.whileRunning {
            try await self.receiver.next("WATCHDOG=1")
            try await self.clock.whenSleeping(2)
            self.isStuck.change { $0 = true }
            self.clock.advance(by: .seconds(5))
            try await self.asked.when { $0 == 2 }
            // The status goes on to be told, and shows that no sign of life came before it.
            try await self.clock.whenSleeping(1)
            self.status.change { $0 = "stuck" }
            self.clock.advance(by: ServiceManagerService.statusInterval)
            #expect(try await self.receiver.messages.next { !$0.hasPrefix("STATUS=listening") } == "STATUS=stuck")
            self.isStuck.change { $0 = false }
            #expect(try await self.receiver.messages.next() == "WATCHDOG=1")
        }
    }

    @Test
    func `the status is told when it has changed`() async throws {
        try await self.whileRunning {
            #expect(try await self.receiver.next("STATUS=") == "STATUS=listening to PostgreSQL")
            for _ in 0..<2 {
                try await self.clock.whenSleeping(2)
                self.clock.advance(by: ServiceManagerService.statusInterval)
            }
            try await self.clock.whenSleeping(2)
            self.status.change { $0 = "something else" }
            self.clock.advance(by: ServiceManagerService.statusInterval)
            #expect(try await self.receiver.next("STATUS=") == "STATUS=something else")
        }
    }

    @Test
    func `the line for people names no reason`() {
        let since = Timestamp.ofTests
        let reason = "connection to server at 10.1.2.3 failed"
        var status = RelayStatus(source: .starting, log: .writable, head: .zero)
        #expect(status.line == "connecting to PostgreSQL")
        status.source = .connected(since: since, server: "10.1.2.3")
        #expect(status.line == "listening to PostgreSQL")
        status.source = .disconnected(since: since, cause: .silent, reason: reason)
        #expect(status.line == "no connection to PostgreSQL since 2026-11-22T19:00:00.123456Z (silent)")
        status.log = .failing(since: since, reason: "/var/lib is full")
        #expect(status.line.hasSuffix("(silent); the log has not been writable since 2026-11-22T19:00:00.123456Z"))
    }
}

extension Inbox where Element: Sendable {
    /// The next element that is as wanted; others before it are passed over.
    fileprivate func next(where isWanted: (Element) -> Bool) async throws -> Element? {
        while let element = try await self.next() {
            if isWanted(element) { return element }
        }
        return nil
    }
}
