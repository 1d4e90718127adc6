import RelayCore
import RelayTestSupport
import Testing

/// While PostgreSQL or the relay is away events may be lost: the log has to say so.
@Suite(.timeLimit(.minutes(1)))
struct RelayOutageTests {
    @Test func `a new log begins without a gap of all channels`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.report(.disconnected(reason: "refused"))
            test.source.report(.disconnected(reason: "refused"))
            test.source.connect("a")
            test.source.send("a", "1")
            try await test.published(2)
            #expect(test.hub.texts == ["[unrecorded]", "1"])
        }
    }

    @Test(arguments: [0, 1, 3])
    func `a log that was used before gets a gap when the source listens again`(failures: Int) async throws {
        let test = RelayUnderTest { MemoryEventLog(clock: $0, isNew: false) }
        try await test.run {
            for _ in 0..<failures { test.source.report(.disconnected(reason: "refused")) }
            test.source.connect("a")
            test.source.send("a", "1")
            let entries = try await test.published(3)
            #expect(entries.map(\.text) == ["[restarted]", "[unrecorded]", "1"])
            #expect(entries[0].gap?.after == test.memory.identity.last)
            #expect(entries[0].gap?.channel == nil)
        }
    }

    @Test func `after an unclean stop the gap begins at the newest id that was found`() async throws {
        let test = RelayUnderTest { MemoryEventLog(clock: $0, isNew: false, wasClean: false) }
        try await test.run {
            test.source.connect("a")
            let gap = try await test.published(1)[0].gap
            #expect(gap?.reason == .restarted)
            #expect(gap?.after == test.memory.identity.lastFound)
            #expect(test.memory.identity.lastFound < test.memory.identity.last)
        }
    }

    @Test func `an outage is a gap after the newest id before it`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.connect("a")
            test.source.send("a", "1")
            let before = try await test.published(2)[1].id
            test.clock.advance(by: .seconds(10))
            test.source.report(.disconnected(reason: "server closed the connection"))
            test.clock.advance(by: .seconds(10))
            test.source.connect("a")
            test.source.send("a", "2")
            let entries = try await test.published(4)
            #expect(entries.map(\.text) == ["[unrecorded]", "1", "[disconnected]", "2"])
            let gap = try #require(entries[2].gap)
            #expect(gap == Gap(id: gap.id, channel: nil, after: before, before: gap.id.next, reason: .disconnected))
        }
    }

    @Test func `an outage within one batch stands where it happened`() async throws {
        let test = RelayUnderTest()
        test.source.connect("a")
        test.source.send("a", "1")
        test.source.report(.disconnected(reason: "x"))
        test.source.connect("a")
        test.source.send("a", "2")
        try await test.run {
            let entries = try await test.published(4)
            #expect(entries.map(\.text) == ["[unrecorded]", "1", "[disconnected]", "2"])
            #expect(entries[2].gap?.after == entries[1].id)
        }
    }

    @Test func `many failed attempts make one gap, each outage one of its own`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.connect("a")
            for outage in 1...2 {
                for attempt in 1...3 { test.source.report(.disconnected(reason: "\(attempt)")) }
                test.source.connect("a")
                try await test.published(1 + outage)
            }
            #expect(test.hub.texts == ["[unrecorded]", "[disconnected]", "[disconnected]"])
        }
    }

    @Test func `a gap is told to the observer, the beginning of a recording as what it is`() async throws {
        let test = RelayUnderTest { MemoryEventLog(clock: $0, isNew: false) }
        try await test.run {
            test.source.connect("a")
            try await test.published(2)
            try await test.observer.when { if case .channelRecorded("a") = $0 { true } else { false } }
        }
        let gaps = test.observer.observations.compactMap {
            if case .gapStored(let gap) = $0 { gap.reason } else { nil }
        }
        #expect(gaps == [.restarted])
    }
}
