import RelayCore
import RelayTestSupport
import Testing

/// Which channels the relay has recorded, from start to idleness.
@Suite(.timeLimit(.minutes(1)))
struct RelayChannelTests {
    private func memory(recorded: ChannelName...) -> (ServerClock) -> MemoryEventLog {
        { clock in
            MemoryEventLog(clock: clock, isNew: false, recorded: recorded)
        }
    }

    @Test func `at start the named channels and those of the earlier run are asked for`() async throws {
        let test = RelayUnderTest(channels: ["named", "x*"], memory: memory(recorded: "x1", "named"))
        try await test.relay.restoreChannels()
        #expect(test.source.requests == [.listen("named"), .listen("x1")])
        #expect(test.relay.recordedChannels == ["named", "x1"])
        #expect(test.memory.entries == [])
    }

    @Test func `channels of the earlier run that are not allowed any more are recorded no longer`() async throws {
        let test = RelayUnderTest(channels: ["x*"], memory: memory(recorded: "old", "x1"))
        try await test.relay.restoreChannels()
        #expect(test.source.requests == [.listen("x1")])
        #expect(!test.relay.isRecorded("old"))
        try await test.run {
            test.source.connect("x1")
            try await test.published(1)
            #expect(test.hub.texts == ["[restarted]"], "the recording of x1 goes on")
            #expect(try await test.memory.recordedChannels() == ["x1"])
        }
    }

    @Test func `what was given up while the source was away ends in the log when it is back`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.connect("a", "b")
            test.source.report(.disconnected(reason: "x"))
            test.source.connect("b")
            try await test.published(3)
            #expect(try await test.memory.recordedChannels() == ["b"])
        }
    }

    @Test func `a channel that PostgreSQL refuses is forgotten, and no longer asked for`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.connect()
            let admissions = (0..<2).map { _ in test.admit("é") }
            try await test.source.whenRequested(.listen("é"))
            test.source.report(.refused("é", reason: "no such character"))
            for admission in admissions {
                await #expect(throws: ChannelRefusal.impossible("é")) { try await admission.head() }
            }
            #expect(!test.relay.isRecorded("é"))
            #expect(test.source.requests.last == .stopListening("é"))
            #expect(test.observer.texts.contains { $0.hasPrefix("channelRefused") && $0.contains("no such character") })
            #expect(ChannelRefusal.impossible("é").description.contains("'é'"))
        }
    }

    @Test func `an idle channel is given up, in the log when the source has stopped listening`() async throws {
        let test = RelayUnderTest(idleAfter: .seconds(100))
        try await test.run {
            let admission = test.admit("a")
            test.source.connect("a")
            _ = try await admission.head()
            test.relay.subscriberLeft("a")

            test.clock.advance(by: .seconds(100))
            await test.relay.tick()
            #expect(test.relay.isRecorded("a"))
            test.clock.advance(by: .microseconds(1))
            await test.relay.tick()
            try await test.source.whenRequested(.stopListening("a"))
            #expect(!test.relay.isRecorded("a"))
            #expect(try await test.memory.recordedChannels() == ["a"])

            test.source.report(.stoppedListening("a"))
            try await test.log.whenAttempted(2)
            try await test.hub.whenAsked(2)
            #expect(try await test.memory.recordedChannels() == [])
        }
    }

    @Test func `subscribers and events keep a channel`() async throws {
        let test = RelayUnderTest(idleAfter: .seconds(100))
        try await test.run {
            let (a, b) = (test.admit("a"), test.admit("b"))
            test.source.connect("a", "b")
            _ = try await (a.head(), b.head())
            test.relay.subscriberLeft("b")
            test.clock.advance(by: .seconds(90))
            test.source.send("b", "1")
            try await test.published(3)
            // The observation comes after the registry was told.
            try await test.observer.when { if case .batchAppended = $0 { true } else { false } }
            test.clock.advance(by: .seconds(90))
            await test.relay.tick()
            #expect(test.relay.recordedChannels == ["a", "b"])
        }
    }

    @Test func `a channel that comes back after it was given up has a gap from then on`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.connect("a")
            test.source.send("a", "1")
            let last = try await test.published(2)[1].id
            test.source.report(.stoppedListening("a"))
            test.source.report(.listening("a"))
            let entries = try await test.published(3)
            #expect(entries[2].gap?.reason == .unrecorded)
            #expect(entries[2].gap?.after == last)
        }
    }

    @Test func `a reconnect that listens to the same channels begins no recording anew`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.connect("a", "b")
            test.source.report(.disconnected(reason: "x"))
            test.source.connect("a", "b")
            test.source.send("a", "1")
            let entries = try await test.published(4)
            #expect(entries.map(\.text) == ["[unrecorded]", "[unrecorded]", "[disconnected]", "1"])
        }
    }
}
