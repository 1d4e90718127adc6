import RelayCore
import RelaySQLite
import RelayTestSupport
import Testing

struct RingLogCensusTests {
    @Test(arguments: SeededGenerator.seeds(fixed: 3, new: 3), [1_000, 25])
    func `a census says what the history of each channel holds`(seed: UInt64, maximumEvents: Int) async throws {
        var appends = RandomAppends(seed: seed)
        let test = try await LogUnderTest(RingLogEngine(), .events(maximumEvents))
        for _ in 0..<80 { try await test.append(appends.next()) }
        let census = try await test.log.census()
        #expect(try await Set(census.channels.keys) == Set(test.log.recordedChannels()))
        for (channel, figures) in census.channels {
            let page = try await test.log.history(HistoryQuery(ChannelSelection(channel), limit: 1000))
            let events = page.entries.compactMap(\.event)
            #expect(figures.events == events.count && figures.positions == page.positions)
            #expect(figures.bytes == events.reduce(0) { $0 + Int64($1.payload.bytes.count) })
        }
    }

    @Test func `it is not taken anew for whoever asks again at once`() async throws {
        let test = try await LogUnderTest(RingLogEngine())
        try await test.append(.recordingStarted("a"), .event("a", "1"))
        let first = try await test.log.census()
        #expect(first.channels["a"]?.events == 1)
        try await test.append("a", ["2"])
        test.clock.advance(by: .milliseconds(999))
        #expect(try await test.log.census() == first)
        test.clock.advance(by: .milliseconds(1))
        #expect(try await test.log.census().channels["a"]?.events == 2)
    }
}
