import RelayCore
import RelayTestSupport
import Testing

/// When a subscriber is let in, its channel is being recorded, or it has waited long enough.
@Suite(.timeLimit(.minutes(1)))
struct RelayAdmissionTests {
    @Test func `a channel that is listened to lets in at once, with the newest id`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            let first = test.admit("a")
            test.source.connect("a")
            _ = try await first.head()
            test.source.send("a", "1")
            let newest = try await test.published(2)[1].id
            #expect(try await test.admit("a").head() == newest)
            #expect(test.source.requests == [.listen("a")])
        }
    }

    @Test func `at once is only where the recording's beginning has been fanned out`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            #expect(!test.relay.admitAtOnce("a", head: EventID.limit))
            let first = test.admit("a")
            test.source.connect("a")
            let begun = try await first.head()
            #expect(!test.relay.admitAtOnce("a", head: EventID(begun.rawValue - 1)))
            #expect(test.relay.admitAtOnce("a", head: begun))
        }
    }

    @Test func `a new channel lets in when its recording has begun in the log`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.connect()
            let admission = test.admit("a")
            try await test.source.whenRequested(.listen("a"))
            test.log.holdAppends()
            test.source.report(.listening("a"))
            try await test.log.whenAttempted(1)
            await test.relay.tick()
            #expect(!admission.isDone)
            test.log.work()
            let head = try await admission.head()
            #expect(head == test.memory.entries.last?.id)
            #expect(test.hub.texts == ["[unrecorded]"], "published before the subscriber is let in")
        }
    }

    @Test func `all that wait for a channel are let in together, and it is asked for once`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            let admissions = (0..<5).map { _ in test.admit("a") }
            try await test.source.whenRequested(.listen("a"))
            let other = test.admit("b")
            try await test.source.whenRequested(.listen("b"))
            test.source.connect("a")
            for admission in admissions { _ = try await admission.head() }
            #expect(!other.isDone)
            #expect(test.source.requests == [.listen("a"), .listen("b")])
            test.source.report(.listening("b"))
            _ = try await other.head()
        }
    }

    @Test func `who comes just when a channel begins to be listened to does not wait on`() async throws {
        let count = 200
        let test = RelayUnderTest(maximumChannels: count)
        try await test.run {
            test.source.connect()
            for number in 0..<count {
                let channel = try ChannelName("channel \(number)")
                let admissions = (0..<20).map { _ in test.admit(channel) }
                try await test.source.whenRequested(.listen(channel))
                test.source.report(.listening(channel))
                // Time stands still: nobody is let in for having waited long enough.
                for admission in admissions { _ = try await admission.head() }
            }
        }
    }

    @Test func `who waits is let in when PostgreSQL goes away`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            let admission = test.admit("a")
            try await test.source.whenRequested(.listen("a"))
            test.source.report(.disconnected(reason: "gone"))
            #expect(try await admission.head() == test.memory.identity.last)
        }
    }

    @Test func `while PostgreSQL is away nobody waits`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.report(.disconnected(reason: "gone"))
            try await test.observer.when { if case .sourceDisconnected = $0 { true } else { false } }
            #expect(try await test.admit("a").head() == test.memory.identity.last)
            #expect(test.source.requests == [.listen("a")])
        }
    }

    @Test func `nobody waits longer than five seconds`() async throws {
        let test = RelayUnderTest()
        let admission = test.admit("a")
        try await test.source.whenRequested(.listen("a"))
        test.clock.advance(by: Relay.listenPatience - .microseconds(1))
        await test.relay.tick()
        await test.relay.tick()
        #expect(!admission.isDone)
        let late = test.admit("a")
        test.clock.advance(by: .microseconds(1))
        await test.relay.tick()
        #expect(try await admission.head() == test.memory.identity.last)
        test.clock.advance(by: Relay.listenPatience)
        await test.relay.tick()
        #expect(try await late.head() == test.memory.identity.last)
    }

    @Test func `the relay's own ticks see to it`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            let admission = test.admit("a")
            try await test.source.whenRequested(.listen("a"))
            for _ in 0..<6 {
                try await test.clock.whenSleeping(1)
                test.clock.advance(by: .seconds(1))
            }
            #expect(try await admission.head() == test.memory.identity.last)
        }
    }

    @Test func `a channel that is not allowed is refused and not asked for`() async throws {
        let test = RelayUnderTest(channels: ["a", "x*"])
        await #expect(throws: ChannelRefusal.notAllowed("b")) { try await test.admit("b").head() }
        #expect(test.source.requests == [])
        #expect(!test.relay.isAllowed("b"))
        #expect(test.relay.isAllowed("x1"))
    }

    @Test func `one channel more than MaxChannels is refused`() async throws {
        let test = RelayUnderTest(maximumChannels: 1)
        try await test.run {
            let first = test.admit("a")
            test.source.connect("a")
            _ = try await first.head()
            await #expect(throws: ChannelRefusal.tooManyChannels(limit: 1)) { try await test.admit("b").head() }
            #expect(test.source.requests == [.listen("a")])
        }
    }

    @Test func `who waits is let in when the relay ends`() async throws {
        let test = RelayUnderTest()
        let admission = test.admit("a")
        try await test.source.whenRequested(.listen("a"))
        test.source.reports.finish()
        try await test.relay.run()
        #expect(try await admission.head() == test.memory.identity.last)
    }

    @Test func `after the relay's end nobody waits`() async throws {
        let test = RelayUnderTest()
        test.source.reports.finish()
        try await test.relay.run()
        #expect(try await test.admit("a").head() == test.memory.identity.last)
    }

    @Test func `who waits is let in when the relay ends by an error`() async throws {
        let test = RelayUnderTest()
        let admission = test.admit("a")
        try await test.source.whenRequested(.listen("a"))
        test.log.conflict(last: 99)
        test.source.connect("b")
        await #expect(throws: RelayError.self) { try await test.relay.run() }
        #expect(try await admission.head() == test.memory.identity.last)
    }
}
