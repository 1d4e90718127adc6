import Foundation
import RelayCore
import RelaySQLite
import RelayTestSupport
import Testing

/// An id that was given is never given again, whatever happens to the files and the clock.
struct RingLogIDsTests {
    /// Each has some dozen steps. EVENTRELAY_TEST_SIZE=200 makes thousands.
    private static let sequences = 16 * RandomTests.size

    @Test func `through kills, power cuts, lost and restored files and a clock that steps, ids only grow`() async throws
    {
        let first = RandomTests.seed("ids only grow")
        var taken: [String: Int] = [:]
        var given = 0
        for seed in first..<first + UInt64(Self.sequences) {
            var random = SeededGenerator(seed: seed)
            let lives = try RingLogLives()
            for _ in 0..<Int.random(in: 5...40, using: &random) {
                // Most steps append, so that there is something to lose.
                let step =
                    Bool.random(using: &random)
                    ? .append : RingLogLives.Step.allCases.randomElement(using: &random) ?? .append
                try await lives.take(step, &random)
                taken["\(step)", default: 0] += 1
            }
            try await lives.take(.append, &random)
            try #require(lives.violations.isEmpty, "EVENTRELAY_TEST_SEED=\(seed)")
            given += lives.count
        }
        let table = taken.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        print("ids only grow: \(Self.sequences) sequences, \(given) ids; \(table)")
    }

    /// A log in a folder of its own, with five events.
    private func log(_ clock: ManualClock) async throws -> (engine: RingLogEngine, test: LogUnderTest) {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine, clock: clock)
        try await test.append(.recordingStarted("a"))
        try await test.append("a", ["1", "2", "3", "4", "5"])
        return (engine, test)
    }

    @Test func `a log made beside the lock file of a deleted one begins above all its ids, also with the clock behind`()
        async throws
    {
        let (engine, test) = try await self.log(ManualClock())
        let newest = test.last
        try await test.log.close()
        test.drop()
        try FileManager.default.removeItem(atPath: engine.path)
        test.clock.stepTimeOfDay(by: .seconds(-3600))
        try await test.open()
        let identity = test.log.identity
        #expect(identity.isNew)
        // Above, and not at: the cursor of a client that had seen everything is one of another log too.
        #expect(identity.beginsAfter == newest.next)
        let point = ResumePoint(channel: "a", presented: newest, logID: nil, identity: identity, last: identity.last)
        #expect(point.gap?.reason == .replaced)
        #expect(try await test.append(.event("a", "6")).entries[0].id > newest)
    }

    @Test func `a client that saw more than a restored copy has is told a gap from the copy's end on`() async throws {
        let (engine, test) = try await self.log(ManualClock())
        try await test.log.close()
        let copy = try Data(contentsOf: URL(fileURLWithPath: engine.path))
        let copied = test.last
        test.drop()
        try await test.open()
        let seen = try await test.append("a", ["6", "7", "8"])[1]
        try await test.log.close()
        let newest = test.last
        test.drop()

        try copy.write(to: URL(fileURLWithPath: engine.path))
        test.clock.stepTimeOfDay(by: .seconds(-3600))
        try await test.open()
        let identity = test.log.identity
        #expect(identity.lastFound == copied)
        #expect(identity.last == newest)
        for cursor in [seen, newest] {
            let point = ResumePoint(
                channel: "a",
                presented: cursor,
                logID: nil,
                identity: identity,
                last: identity.last
            )
            #expect(
                point
                    == ResumePoint(
                        channel: "a",
                        presented: cursor,
                        logID: identity.logID,
                        identity: identity,
                        last: identity.last
                    )
            )
            #expect(point.cursor == cursor && point.gap == nil)
        }
        // What the relay stores when it listens again.
        try await test.append(.gap(.restarted, after: identity.lastFound), .event("a", "9"))
        for cursor in [seen, newest] {
            let told = try await test.replay("a", after: cursor)
            #expect(told.map(\.text) == ["[restarted]", "9"])
            #expect(told.first?.gap?.after == copied)
            #expect(told.allSatisfy { $0.id > newest })
        }
    }

    @Test func `the mark beside the log is above every id given, and after a clean stop it is the newest id`()
        async throws
    {
        let (engine, test) = try await self.log(ManualClock())
        func mark() throws -> Int64? {
            Int64(try String(contentsOfFile: engine.path + ".lock", encoding: .utf8).dropLast())
        }
        for step in [0, 1, 11, 600] {
            test.clock.advance(by: .seconds(step))
            try await test.append("a", ["6"])
            #expect(try mark() ?? 0 >= test.last.rawValue)
        }
        try await test.log.close()
        #expect(try mark() == test.last.rawValue)
    }

    @Test func `a log of a version that kept no mark beside it gets one when it is opened`() async throws {
        let (engine, test) = try await self.log(ManualClock())
        try await test.log.close()
        test.drop()
        try Data().write(to: URL(fileURLWithPath: engine.path + ".lock"))
        try await test.open()
        test.drop()
        let text = try String(contentsOfFile: engine.path + ".lock", encoding: .utf8)
        #expect(text == "\(test.last)\n")
    }
}
