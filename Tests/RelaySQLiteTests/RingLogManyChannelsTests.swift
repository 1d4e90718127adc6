import RelayCore
import RelaySQLite
import RelayTestSupport
import Testing

/// A pattern that finds more channels than anybody can name.
struct RingLogManyChannelsTests {
    private static let users = (0..<250).map { "user-\($0)" }

    /// Stretches in which most events are of users, and one of a length that no page spans in which hardly any is.
    private func filledLog(_ random: inout SeededGenerator) async throws -> LogUnderTest {
        let test = try await LogUnderTest(RingLogEngine())
        for share in [80, 30, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 60] {
            try await test.append(
                try (0..<1_000).map { number in
                    let isUser = Int.random(in: 0..<100, using: &random) < share
                    let user = Self.users.randomElement(using: &random) ?? ""
                    return .event(try ChannelName(isUser ? user : "other"), "\(number)")
                }
            )
            if share > 0 { try await test.append(.gap(.disconnected, after: nil)) }
        }
        return test
    }

    private let selection = ChannelSelection([], patterns: [ChannelGlob("user-*")])

    @Test(arguments: SeededGenerator.seeds(fixed: 1, new: 1))
    func `it is told all of them in the order of ids, in pages of any size, and nothing else`(seed: UInt64) async throws
    {
        var random = SeededGenerator(seed: seed)
        let test = try await self.filledLog(&random)
        let whole = test.entries.filter { $0.channel != "other" }
        for limit in [16, 100, 1_024] {
            let cursor = test.entries.randomElement(using: &random)?.id ?? .zero
            let told = try await test.replay(self.selection, after: cursor, limit: limit)
            #expect(told == whole.filter { $0.id > cursor }, "after \(cursor), \(limit) a page")
        }
        let told = try await test.replay(self.selection, after: .zero, limit: 1_000)
        #expect(told == whole)
    }

    @Test(arguments: SeededGenerator.seeds(fixed: 1, new: 1))
    func `any window of its history is what a plain list has there`(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let test = try await self.filledLog(&random)
        let whole = test.entries.filter { $0.channel != "other" }
        for _ in 0..<12 {
            let ends = [test.entries.randomElement(using: &random)?.id, test.entries.randomElement(using: &random)?.id]
            let query = HistoryQuery(
                self.selection,
                after: Bool.random(using: &random) ? ends.compactMap(\.self).min() : nil,
                before: Bool.random(using: &random) ? ends.compactMap(\.self).max() : nil,
                limit: [1, 10, 300, 1_000].randomElement(using: &random) ?? 1
            )
            let window = whole.filter { $0.id > query.after ?? .zero && $0.id < query.before ?? .limit }
            let page = try await test.log.history(query)
            #expect(page.entries == Array(query.isForward ? window.prefix(query.limit) : window.suffix(query.limit)))
            #expect(page.hasMore == (window.count > query.limit), "\(query)")
        }
    }

    @Test(arguments: [100, 101])
    func `what was evicted of more channels than one may name is told as one`(channels: Int) async throws {
        let test = try await LogUnderTest(RingLogEngine(), .events(1_000))
        let begin = test.last
        for user in Self.users.prefix(channels) {
            let name = try ChannelName(user)
            try await test.append((0..<5).map { .event(name, "\($0)") })
        }
        let ids = try await test.append("other", ["1"])
        try await test.append((0..<2_000).map { .event("other", "\($0)") })
        let floor = try await test.log.history(HistoryQuery(self.selection, limit: 0)).positions.floor
        let page = try await test.log.read(self.selection, after: begin, through: ids[0], limit: 10)
        #expect(page.atEnd && page.entries.count == (channels > 100 ? 1 : 100))
        let last = try #require(page.entries.last?.gap)
        #expect(last.reason == .evicted && last.after == begin && last.before == floor.next && last.id == floor)
        #expect((last.channel == nil) == (channels > 100))
    }
}
