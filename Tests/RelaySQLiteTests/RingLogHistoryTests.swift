import RelayCore
import RelaySQLite
import RelayTestSupport
import Testing

/// Random windows of random logs, against a model that keeps everything.
struct RingLogHistoryTests {
    @Test(arguments: SeededGenerator.seeds(fixed: 4, new: 4), [1_000, 25])
    func `any window of history is what a plain list has there`(seed: UInt64, maximumEvents: Int) async throws {
        var random = SeededGenerator(seed: seed)
        var appends = RandomAppends(seed: seed)
        let test = try await LogUnderTest(RingLogEngine(), .events(maximumEvents))
        let model = MemoryEventLog(clock: test.clock.serverClock, identity: test.log.identity)

        for _ in 0..<80 {
            let writes = appends.next()
            _ = try await model.append(writes, expecting: test.last)
            try await test.append(writes)
            let ids = [.zero, test.log.identity.beginsAfter, .limit] + test.entries.map(\.id)
            let query = HistoryQuery(
                ChannelSelection(RandomAppends.channels.randomElement(using: &random) ?? "a"),
                after: Bool.random(using: &random) ? ids.randomElement(using: &random) : nil,
                before: Bool.random(using: &random) ? ids.randomElement(using: &random) : nil,
                limit: Int.random(in: 0...12, using: &random)
            )
            let page = try await test.log.history(query)
            let expected = try await self.expected(query, page, model)
            #expect(page.entries == expected.entries, "\(query)")
            #expect(page.hasMore == expected.hasMore, "\(query)")
        }
    }

    @Test(arguments: SeededGenerator.seeds(fixed: 2, new: 2))
    func `pages that follow one another, both ways, are the whole history`(seed: UInt64) async throws {
        var appends = RandomAppends(seed: seed)
        let test = try await LogUnderTest(RingLogEngine())
        for _ in 0..<30 { try await test.append(appends.next()) }
        for channel in RandomAppends.channels {
            let whole = try await test.history(channel, limit: 1_000).entries
            for limit in 1...7 {
                var backward: [LogEntry] = []
                var page = try await test.history(channel, limit: limit)
                backward = page.entries
                while page.hasMore, let first = backward.first {
                    page = try await test.history(channel, before: first.id, limit: limit)
                    backward = page.entries + backward
                }
                #expect(backward == whole)

                page = try await test.history(channel, after: .zero, limit: limit)
                var forward = page.entries
                while page.hasMore, let last = forward.last {
                    page = try await test.history(channel, after: last.id, limit: limit)
                    forward += page.entries
                }
                #expect(forward == whole)
            }
        }
    }

    /// A page holds what one request may have in memory, whatever its limit.
    @Test
    func `pages of long payloads end early, and nothing is missing between them`() async throws {
        let test = try await LogUnderTest(RingLogEngine())
        let payload = String(repeating: "x", count: 7_900)
        try await test.append((1...100).map { .event("a", "\($0) \(payload)") })
        let whole = test.entries
        var forward: [LogEntry] = []
        var backward: [LogEntry] = []
        repeat {
            let page = try await test.history("a", after: forward.last?.id ?? .zero, limit: 1_000)
            #expect(page.entries.count <= 40 && page.hasMore == (forward.count + page.entries.count < 100))
            forward += page.entries
            if page.entries.isEmpty { break }
        } while forward.count < 100
        repeat {
            let page = try await test.history("a", before: backward.first?.id, limit: 1_000)
            #expect(page.entries.count <= 40 && page.hasMore == (backward.count + page.entries.count < 100))
            backward = page.entries + backward
            if page.entries.isEmpty { break }
        } while backward.count < 100
        #expect(forward == whole)
        #expect(backward == whole)
    }

    private func expected(
        _ query: HistoryQuery,
        _ page: HistoryPage,
        _ model: MemoryEventLog
    ) async throws -> (entries: [LogEntry], hasMore: Bool) {
        let floor = page.positions.floor
        let (after, before) = (query.after ?? .zero, query.before ?? .limit)
        var whole = try await model.read(
            query.selection,
            after: after,
            through: EventID(before.rawValue - 1),
            limit: .max
        )
        .entries
        whole.removeAll { $0.event != nil && $0.id <= floor }
        let evictedThrough = min(floor, EventID(before.rawValue - 1))
        if query.after != nil, after < evictedThrough {
            let gap = Gap(
                id: evictedThrough,
                channel: query.selection.only,
                after: after,
                before: evictedThrough.next,
                lost: page.entries.first?.gap?.lost,
                reason: .evicted
            )
            whole = [.gap(gap)] + whole.filter { $0.id > evictedThrough }
        }
        let entries = query.isForward ? whole.prefix(query.limit) : whole.suffix(query.limit)
        return (Array(entries), whole.count > query.limit)
    }
}
