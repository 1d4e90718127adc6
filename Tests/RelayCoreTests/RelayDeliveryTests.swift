import RelayCore
import RelayTestSupport
import Testing

/// Append first, then deliver: whatever the log does meanwhile.
@Suite(.timeLimit(.minutes(1)))
struct RelayDeliveryTests {
    @Test func `events go into the log and then to the hub, in the order of their arrival`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.connect("a", "b")
            test.source.send("a", "1", "2")
            test.source.send("b", "3")
            test.source.send("a", "4")
            let entries = try await test.published(6)
            #expect(entries.map(\.text) == ["[unrecorded]", "[unrecorded]", "1", "2", "3", "4"])
            #expect(entries == test.memory.entries)
            #expect(entries.map(\.channel) == ["a", "b", "a", "a", "b", "a"])
        }
    }

    @Test func `nothing is published while its append is under way`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.connect("a")
            try await test.published(1)
            test.log.holdAppends()
            test.source.send("a", "1")
            try await test.log.whenAttempted(2)
            #expect(test.hub.texts == ["[unrecorded]"])
            #expect(test.relay.status.head == test.log.appendedThrough)
            test.log.work()
            try await test.published(2)
            #expect(test.hub.texts == ["[unrecorded]", "1"])
        }
    }

    @Test(arguments: SeededGenerator.seeds(fixed: 2, new: 2))
    func `no batch is published that is neither in the log nor set aside, whatever fails`(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let test = RelayUnderTest()
        try await test.run {
            test.source.connect("a")
            for number in 0..<50 {
                if Bool.random(using: &random) { test.log.failAppends("disk full") }
                test.source.send("a", "\(number)")
                for _ in 0..<Int.random(in: 0..<3, using: &random) {
                    test.clock.advance(by: Relay.appendRetryInterval)
                    await Task.yield()
                }
                test.log.work()
                test.clock.advance(by: Relay.appendRetryInterval)
            }
            // One that failed just before may have gone to sleep after the time was moved.
            while test.hub.texts.count < 51 {
                try Task.checkCancellation()
                test.clock.advance(by: Relay.appendRetryInterval)
                await Task.yield()
            }
        }
        #expect(test.publishedTooEarly.value == 0)
        #expect(test.hub.texts == ["[unrecorded]"] + (0..<50).map(String.init))
        #expect(test.hub.batches.flatMap(\.entries) == test.memory.entries)
    }

    @Test func `an append that fails is tried again until it works, and what came meanwhile follows`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.connect("a")
            try await test.published(1)
            test.log.failAppends("disk full")
            test.source.send("a", "1", "2")
            for attempt in 2...5 {
                try await test.log.whenAttempted(attempt)
                // The relay's tick and the append both sleep.
                try await test.clock.whenSleeping(2)
                #expect(test.hub.texts == ["[unrecorded]"], "a batch that was not appended was published")
                test.source.send("a", "after \(attempt)")
                test.clock.advance(by: Relay.appendRetryInterval)
            }
            try await test.log.whenAttempted(6)
            try await test.clock.whenSleeping(2)
            test.log.work()
            test.clock.advance(by: Relay.appendRetryInterval)
            try await test.published(7)
            #expect(test.hub.texts == ["[unrecorded]", "1", "2", "after 2", "after 3", "after 4", "after 5"])
            #expect(test.memory.entries == test.hub.batches.flatMap(\.entries))
        }
    }

    @Test func `what comes and what is appended is told by batch`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.connect("a")
            try await test.published(1)
            test.source.send("a", "1", "2")
            try await test.published(3)
            try await test.observer.when { if case .batchAppended = $0 { true } else { false } }
        }
        let told = test.observer.texts.filter { ["notif", "batch"].contains($0.prefix(5)) }
        #expect(told == ["notificationsReceived(2)", "batchAppended(events: 2, took: 0.0 seconds)"])
        #expect(test.hub.batches.last?.received != nil)
    }

    @Test func `batches follow one another without a hole`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.connect("a")
            for number in 0..<20 { test.source.send("a", "\(number)") }
            try await test.published(21)
        }
        var head = test.memory.identity.last
        for batch in test.hub.batches {
            #expect(batch.after == head)
            #expect(batch.entries.allSatisfy { batch.after < $0.id && $0.id <= batch.last })
            head = batch.last
        }
        #expect(test.relay.status.head == head)
    }

    @Test func `what changes only the log is not published`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.connect("a")
            try await test.published(1)
            test.source.report(.stoppedListening("a"))
            try await test.observer.when { if case .channelGivenUp("a") = $0 { true } else { false } }
            try await test.log.whenAttempted(2)
        }
        #expect(test.hub.batches.count == 1)
        #expect(try await test.memory.recordedChannels() == [])
    }

    @Test func `a hub that is behind holds the relay back`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.hub.fallBehind()
            test.source.connect("a")
            try await test.published(1)
            try await test.hub.whenAsked(1)
            test.source.send("a", "1")
            await test.relay.tick()
            #expect(test.log.attempts == 1)
            test.hub.catchUp()
            try await test.published(2)
        }
    }

    @Test func `what was reported before the source ended is still appended`() async throws {
        let test = RelayUnderTest()
        test.source.connect("a")
        test.source.send("a", "1")
        test.source.reports.finish()
        try await test.relay.run()
        #expect(test.hub.texts == ["[unrecorded]", "1"])
    }

    @Test func `a stop waits five seconds for a log that can't be written, then says what it gave up`() async throws {
        let test = RelayUnderTest()
        test.log.failAppends("disk full")
        test.log.failSettingAside("no more ids")
        test.source.connect("a")
        test.source.send("a", "1")
        test.source.reports.finish()
        async let run: Void = test.relay.run()
        try await test.clock.whenSleeping(2)
        test.clock.advance(by: Relay.abandonAfter)
        try await test.log.whenAttempted(2)
        try await test.clock.whenSleeping(2)
        #expect(!test.observer.texts.contains { $0.hasPrefix("eventsAbandoned") }, "five seconds are not over")
        test.clock.advance(by: Relay.appendRetryInterval)
        try await run
        #expect(test.observer.texts.filter { $0.hasPrefix("eventsAbandoned") } == ["eventsAbandoned(count: 1)"])
        #expect(test.hub.batches.isEmpty)
    }

    @Test func `somebody else's append to the log ends the relay`() async throws {
        let test = RelayUnderTest()
        test.log.conflict(last: 99)
        let expected = test.memory.identity.last
        test.source.connect("a")
        await #expect(throws: RelayError.appendedElsewhere(expected: expected, found: 99)) {
            try await test.relay.run()
        }
        #expect(test.hub.batches.isEmpty)
        #expect(RelayError.appendedElsewhere(expected: 1, found: 99).description.contains("99 and not 1"))
    }
}
