import RelayTestSupport
import Testing

struct RingLogTests {
    @Test(arguments: EventLogContract.all)
    func `the ring log keeps the contract`(contract: EventLogContract) async throws {
        try await contract.check(RingLogEngine())
    }
}
