import RelayCore
import RelayTestSupport
import Testing

/// The log that other tests stand on keeps the contract too, as far as it goes.
struct MemoryEventLogTests {
    private struct Engine: EventLogEngine {
        func open(_ retention: Retention, clock: ServerClock) async throws -> any EventLog {
            MemoryEventLog(clock: clock)
        }
    }

    @Test(arguments: EventLogContract.withoutRetention)
    func `the log in memory keeps the contract`(contract: EventLogContract) async throws {
        try await contract.check(Engine())
    }
}
