import RelayCore
import RelaySQLite
import RelayTestSupport
import Testing

/// Random logs, read in random pages: together the pages are what was appended, less what was evicted.
struct RingLogPagingTests {
    @Test(arguments: SeededGenerator.seeds(fixed: 4, new: 4))
    func `pages are never silently truncated`(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var appends = RandomAppends(seed: seed)
        let limits: [Int?] = [nil, 7, 30]
        var retention = Retention.events(limits.randomElement(using: &random).flatMap(\.self) ?? 200)
        retention.maximumEventsPerChannel = limits.randomElement(using: &random).flatMap(\.self)
        let test = try await LogUnderTest(RingLogEngine(), retention)
        let model = MemoryEventLog(clock: test.clock.serverClock, identity: test.log.identity)

        for _ in 0..<60 {
            // A page ends before its limit of entries when it has 256 KiB.
            let writes = appends.next(largest: 120_000)
            test.clock.advance(by: .microseconds(Int.random(in: 0...20, using: &random)))
            let expecting = test.last
            let batch = try await test.append(writes)
            guard case .appended(let expected) = try await model.append(writes, expecting: expecting) else {
                Issue.record("the model stands elsewhere")
                return
            }
            #expect(batch.entries == expected.entries)
            #expect(batch.last == expected.last)

            let channel = RandomAppends.channels.randomElement(using: &random) ?? "a"
            let ids = [.zero, test.log.identity.beginsAfter] + test.entries.map(\.id)
            let cursor = ids.randomElement(using: &random) ?? .zero
            let told = try await test.replay(channel, after: cursor, limit: Int.random(in: 1...12, using: &random))
            let floor = try await test.floor(channel)
            #expect(try await told == self.expected(channel, after: cursor, floor: floor, model, told.first))
            try await self.expectSeveral(test, model, after: cursor, &random)
        }
    }

    private func expectSeveral(
        _ test: LogUnderTest,
        _ model: MemoryEventLog,
        after cursor: EventID,
        _ random: inout SeededGenerator
    ) async throws {
        let names = RandomAppends.channels.filter { _ in Bool.random(using: &random) } + ["never"]
        let selection = ChannelSelection(names, patterns: Bool.random(using: &random) ? [ChannelGlob("?")] : [])
        if selection.only != nil { return }
        let limit = Int.random(in: 1...12, using: &random)
        var floors: [ChannelName: EventID] = [:]
        for channel in RandomAppends.channels where selection.contains(channel) {
            floors[channel] = try await test.floor(channel)
        }
        let told = try await test.replay(selection, after: cursor, limit: limit)
        let evicted = floors.filter { cursor < $0.value }
        // Where they stand is the pages' matter.
        let opening = Set(
            told.prefix(evicted.count).compactMap(\.gap).map { "\($0.channel?.text ?? "") \($0.after) \($0.before)" }
        )
        #expect(opening == Set(evicted.map { "\($0.key) \(cursor) \($0.value.next)" }))
        let whole = try await model.read(selection, after: cursor, through: .limit, limit: .max).entries
        // Where a recording began is told on a page behind the first, whose cursor is not 0 any more.
        func isBeginning(_ entry: LogEntry) -> Bool {
            cursor == .zero && entry.gap?.reason == .unrecorded && entry.gap?.after == .zero
        }
        let kept = whole.filter { entry in entry.event.map { $0.id > floors[$0.channel] ?? .zero } ?? true }
        let difference = told.dropFirst(evicted.count).filter { !isBeginning($0) }.difference(from: kept).map {
            change in
            switch change {
            case .insert(let place, let entry, _): "+\(place) \(entry.id) \(entry.text.prefix(12))"
            case .remove(let place, let entry, _): "-\(place) \(entry.id) \(entry.text.prefix(12))"
            }
        }
        #expect(difference == [], "after \(cursor), \(limit) a page, floors \(floors)")
    }

    /// What a cursor is told of the channel by a log that has lost everything up to `floor`.
    private func expected(
        _ channel: ChannelName,
        after cursor: EventID,
        floor: EventID,
        _ model: MemoryEventLog,
        _ first: LogEntry?
    ) async throws -> [LogEntry] {
        let whole = try await model.read(channel, after: cursor, through: .limit, limit: .max).entries
        guard cursor < floor else { return whole }
        let events = whole.filter { $0.id <= floor }.compactMap(\.event)
        // The number may be left out, but not be wrong.
        let lost = first?.gap?.lost.map { _ in events.count }
        let gap = Gap(id: floor, channel: channel, after: cursor, before: floor.next, lost: lost, reason: .evicted)
        return [.gap(gap)] + whole.filter { $0.id > floor }
    }
}
