import RelayCore
import RelayTestSupport
import Testing

/// A log that can't be written for long: delivery goes on without it.
@Suite(.timeLimit(.minutes(1)))
struct RelaySetAsideTests {
    /// A relay whose log has failed for as long as delivery waits for it, with one batch in hand that waits.
    private func withFailingLog(_ body: (RelayUnderTest) async throws -> Void) async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.connect("a")
            try await test.published(1)
            test.log.failAppends("disk full")
            test.source.send("a", "1")
            try await test.log.whenAttempted(2)
            try await test.clock.whenSleeping(2)
            test.clock.advance(by: Relay.setAsideAfter)
            try await test.log.whenAttempted(3)
            try await body(test)
        }
    }

    @Test func `for a second nothing is delivered without the log`() async throws {
        try await self.withFailingLog { test in
            try await test.clock.whenSleeping(2)
            #expect(test.hub.texts == ["[unrecorded]"])
            #expect(!test.observer.texts.contains("settingAside"))
            test.log.work()
            test.clock.advance(by: Relay.appendRetryInterval)
            try await test.published(2)
            #expect(test.hub.batches.allSatisfy { $0.standing.writtenThrough == $0.last })
        }
    }

    @Test func `after it events are delivered from memory, and written later as they were delivered`() async throws {
        try await self.withFailingLog { test in
            try await test.clock.whenSleeping(2)
            test.clock.advance(by: Relay.appendRetryInterval)
            try await test.published(2)
            let written = test.log.appendedThrough
            test.source.send("a", "2")
            test.source.send("a", "3")
            try await test.published(4)
            #expect(test.hub.texts == ["[unrecorded]", "1", "2", "3"])
            #expect(test.hub.batches.dropFirst().allSatisfy { $0.standing.writtenThrough == written })
            #expect(test.memory.entries.map(\.text) == ["[unrecorded]"])
            #expect(test.relay.status.writtenThrough == written && test.relay.status.head > written)
            #expect(!test.relay.status.isHealthy)
            #expect(test.observer.texts.filter { $0 == "settingAside" }.count == 1)
            try await test.observer.when { if case .batchSetAside(events: 1) = $0 { true } else { false } }
            #expect(!test.observer.texts.contains { $0.hasPrefix("batchAppended") })

            test.log.work()
            await test.relay.tick()
            try await test.hub.whenWritten()
            #expect(test.memory.entries == test.hub.batches.flatMap(\.entries))
            #expect(test.relay.status.writtenThrough == test.relay.status.head)
            test.source.send("a", "4")
            try await test.published(5)
            #expect(test.memory.entries == test.hub.batches.flatMap(\.entries))
            #expect(!test.observer.texts.contains { $0.hasPrefix("gapStored") }, "nothing is lost")
        }
    }

    @Test func `while events are set aside only the tick tries the log`() async throws {
        try await self.withFailingLog { test in
            try await test.clock.whenSleeping(2)
            test.clock.advance(by: Relay.appendRetryInterval)
            try await test.published(2)
            let attempts = test.log.attempts
            for number in 2...20 { test.source.send("a", "\(number)") }
            try await test.published(21)
            #expect(test.log.attempts == attempts)
            await test.relay.tick()
            #expect(test.log.attempts == attempts + 1)
        }
    }

    @Test func `what can't be set aside either waits`() async throws {
        try await self.withFailingLog { test in
            test.log.failSettingAside("no more ids")
            for _ in 0..<3 {
                let attempts = test.log.attempts
                try await test.clock.whenSleeping(2)
                test.clock.advance(by: Relay.appendRetryInterval)
                try await test.log.whenAttempted(attempts + 1)
            }
            try await test.clock.whenSleeping(2)
            #expect(test.hub.texts == ["[unrecorded]"])
            test.log.work()
            test.clock.advance(by: Relay.appendRetryInterval)
            try await test.published(2)
        }
    }

    @Test func `what was forgotten is told once the gap is stored`() async throws {
        try await self.withFailingLog { test in
            try await test.clock.whenSleeping(2)
            test.clock.advance(by: Relay.appendRetryInterval)
            try await test.published(2)
            let written = test.log.appendedThrough
            test.memory.forgetAside()
            test.source.send("a", "2")
            try await test.published(3)
            test.log.work()
            await test.relay.tick()
            try await test.hub.whenWritten()
            #expect(test.memory.entries.map(\.text) == ["[unrecorded]", "[unlogged]", "2"])
            let gap = try #require(test.memory.entries[1].gap)
            #expect(gap.after == written)
            #expect(test.observer.texts.contains("\(Observation.gapStored(gap))"))
        }
    }

    @Test func `a stop writes what is set aside`() async throws {
        let test = RelayUnderTest()
        test.log.failAppends("disk full")
        test.source.connect("a")
        test.source.send("a", "1")
        async let run: Void = test.relay.run()
        try await test.clock.whenSleeping(2)
        test.clock.advance(by: Relay.setAsideAfter + Relay.appendRetryInterval)
        try await test.published(2)
        test.log.work()
        test.source.reports.finish()
        try await run
        #expect(test.memory.entries == test.hub.batches.flatMap(\.entries))
        #expect(!test.observer.texts.contains { $0.hasPrefix("eventsAbandoned") })
    }

    @Test func `a stop gives up what can't be written in time, and says how much`() async throws {
        let test = RelayUnderTest()
        test.log.failAppends("disk full")
        test.source.connect("a")
        test.source.send("a", "1", "2")
        async let run: Void = test.relay.run()
        try await test.clock.whenSleeping(2)
        test.clock.advance(by: Relay.setAsideAfter + Relay.appendRetryInterval)
        try await test.published(3)
        test.clock.advance(by: Relay.abandonAfter)
        test.source.reports.finish()
        try await run
        #expect(test.observer.texts.filter { $0.hasPrefix("eventsAbandoned") } == ["eventsAbandoned(count: 2)"])
    }
}
