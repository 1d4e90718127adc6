package import RelayCore
import Testing

/// What every engine behind `EventLog` promises, one promise a value: a test of an engine takes them as its arguments.
///
///     @Test(arguments: EventLogContract.all)
///     func `the engine keeps the contract`(contract: EventLogContract) async throws {
///         try await contract.check(MyEngine())
///     }
package struct EventLogContract: Sendable, CustomTestStringConvertible {
    package let promise: String
    /// Records an issue where an engine doesn't keep the promise.
    package let check: @Sendable (any EventLogEngine) async throws -> Void

    init(_ promise: String, check: @escaping @Sendable (any EventLogEngine) async throws -> Void) {
        self.promise = promise
        self.check = check
    }

    package var testDescription: String { self.promise }

    /// What also a log that keeps everything in memory can promise.
    package static let withoutRetention = appending + settingAside + reading + history

    package static let all = withoutRetention + retention + reopening
}

/// A place for one log of an engine.
package protocol EventLogEngine: Sendable {
    /// Opens the log, a new one at first. After it was closed and released it is opened again, as it was.
    func open(_ retention: Retention, clock: ServerClock) async throws -> any EventLog
}

extension Retention {
    /// Nothing is evicted under it.
    package static let roomy = Retention(maximumBytes: 1 << 30, maximumEvents: 1_000_000, maximumAge: nil)
}
