import Foundation
import RelayTestSupport
import Testing

/// What the make targets ask for.
private enum Asked {
    static let minutes = Self.number("EVENTRELAY_SOAK_MINUTES")
    static let kills = Self.number("EVENTRELAY_KILLS")
    /// In minutes. A kill takes a second at the most on a busy machine.
    static let timeLimit = 10 + (Self.minutes ?? 0) + (Self.kills ?? 0) / 60

    private static func number(_ name: String) -> Int? { Int(ProcessInfo.processInfo.environment[name] ?? "") }
}

/// Random faults under load, many clients, and an audit of everything at the end (docs/testing.md).
@Suite(.serialized, .timeLimit(.minutes(Asked.timeLimit)))
struct SoakTests {
    private func run(_ plan: SoakPlan) async throws {
        let report = try await SoakWorld(plan).run()
        print(report)
        #expect(report.violations.count == 0, "\(report)")
    }

    @Test func `through a few seconds of random faults no promise is broken`() async throws {
        try await self.run(.short(seed: RandomTests.seed("short soak")))
    }

    @Test func `killed ten times under load, the relay gives no id twice and loses nothing that a client saw`()
        async throws
    {
        try await self.run(.kills(10, seed: RandomTests.seed("kills")))
    }

    @Test(.enabled(if: Asked.minutes != nil, "make soak MINUTES=30 sets EVENTRELAY_SOAK_MINUTES"))
    func `through minutes of random faults no promise is broken`() async throws {
        try await self.run(.long(minutes: Asked.minutes ?? 1, seed: RandomTests.seed("soak")))
    }

    @Test(.enabled(if: Asked.kills != nil, "make kill-loop TIMES=300 sets EVENTRELAY_KILLS"))
    func `killed hundreds of times under load, the relay gives no id twice and loses nothing that a client saw`()
        async throws
    {
        try await self.run(.kills(Asked.kills ?? 1, seed: RandomTests.seed("kill loop")))
    }
}
