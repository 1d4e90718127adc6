import Foundation
import RelayCore
import RelaySQLite
import RelayTestSupport
import Testing

/// What happens each second.
struct RingLogUpkeepTests {
    // MARK: - The write-ahead log

    @Test func `while the write-ahead log is at its limit appends wait, until it is smaller again`() async throws {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        try await test.append("a", ["1"])
        // A reader that keeps the write-ahead log from being emptied; instead of filling it, it is made longer.
        let reader = try PlainSQLite(engine.path)
        while try reader.rows("PRAGMA wal_checkpoint(TRUNCATE)") != [["0", "0", "0"]] {}
        try reader.execute("BEGIN")
        _ = try reader.rows("SELECT * FROM meta")
        try await test.append("a", ["2"])
        let wal = try FileHandle(forUpdating: URL(fileURLWithPath: engine.path + "-wal"))
        let size = try wal.seekToEnd()
        try wal.truncate(atOffset: 257 << 20)
        let error = await #expect(throws: RingLogHeldOpen.self) { try await test.log.tick() }
        #expect(error?.description.contains("'\(engine.path)-wal'") == true)
        await #expect(throws: RingLogHeldOpen.self) { try await test.append("a", ["3"]) }
        #expect(try await test.texts("a") == ["1", "2"])

        try wal.truncate(atOffset: size)
        try await test.log.tick()
        try await test.append("a", ["3"])
        #expect(try await test.texts("a") == ["1", "2", "3"])
    }

    // MARK: - Age

    @Test func `of any number of events that came while the clock was ahead none is left when what follows is old`()
        async throws
    {
        var retention = Retention.roomy
        retention.maximumAge = .seconds(60)
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine, retention)
        test.clock.stepTimeOfDay(by: .seconds(86_400 * 365))
        for _ in 0..<45 { try await test.append(Array(repeating: .event("a", "ahead"), count: 1_000)) }
        test.clock.stepTimeOfDay(by: .seconds(-86_400 * 365))
        try await test.append("a", ["1"])
        test.clock.advance(by: .seconds(61))
        try await test.append("a", ["2"])
        let plain = try PlainSQLite(engine.path)
        var counts = [45_002]
        // Two ticks to look at them, three to delete them.
        for _ in 1...5 {
            try await test.log.tick()
            counts.append(Int(try plain.integer("SELECT count(*) FROM event") ?? 0))
        }
        #expect(zip(counts, counts.dropFirst()).allSatisfy { $0 - $1 <= 20_000 }, "\(counts): each tick is bounded")
        #expect(try plain.rows("SELECT payload FROM event") == [["2"]])
    }

    @Test func `an event whose time somebody has written over is no older than time`() async throws {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        try await test.append("a", ["1"])
        try PlainSQLite(engine.path).execute("UPDATE event SET ahead = 9223372036854775807")
        try await test.log.tick()
        #expect(test.log.figures.oldest == Timestamp(microseconds: 0))
    }

    // MARK: - Unused channels

    @Test func `a channel that is neither recorded nor has an event is forgotten, with its gaps`() async throws {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        try await test.append(.recordingStarted("gone"), .recordingStarted("kept"), .recordingStarted("full"))
        try await test.append(.event("full", "1"), .recordingStopped("full"), .recordingStopped("gone"))
        try await test.log.tick()
        let plain = try PlainSQLite(engine.path)
        #expect(try plain.rows("SELECT name FROM channel ORDER BY name") == [["full"], ["kept"]])
        #expect(try plain.text("SELECT count(*) FROM gap") == "2")
        #expect(try await test.history("gone").positions == .unknown)
    }

    @Test func `a forgotten channel begins anew, and who knew it is told so`() async throws {
        let test = try await LogUnderTest(RingLogEngine())
        let cursor = try await test.append(.recordingStarted("a")).last
        try await test.append(.recordingStopped("a"), .recordingStarted("b"))
        try await test.log.tick()
        try await test.append(.recordingStarted("a"), .event("a", "1"))
        #expect(try await test.texts("a", after: cursor) == ["[unrecorded]", "1"])
        #expect(try await test.texts("a", after: .zero) == ["1"])
    }

    @Test func `what was missing of a forgotten channel is told to a pattern that finds it no more`() async throws {
        let pattern = ChannelSelection([], patterns: [ChannelGlob("a.*")])
        for isOutage in [true, false] {
            let test = try await LogUnderTest(RingLogEngine())
            let cursor = try await test.append(.recordingStarted("a.1"), .recordingStarted("kept")).last
            if !isOutage { try await test.append(.recordingStopped("a.1")) }
            let gap = try await test.append(isOutage ? .gap(.disconnected, after: nil) : .recordingStarted("a.1")).last
            #expect(try await test.replay(pattern, after: cursor).map(\.id) == [gap])
            try await test.append(.recordingStopped("a.1"), .event("kept", "1"))
            try await test.log.tick()
            let told = try await test.replay(pattern, after: cursor).compactMap(\.gap)
            #expect(told == [Gap(id: gap, channel: nil, after: cursor, before: gap.next, reason: .evicted)])
            #expect(try await test.replay(pattern, after: gap).isEmpty)
        }
    }

    // MARK: - Many gaps

    @Test func `a beginning that became the gap of all channels is told to its own`() async throws {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        let plain = try PlainSQLite(engine.path)
        let stored = Int(try #require(try plain.integer("SELECT count(*) FROM gap")))
        try await test.append(Array(repeating: .gap(.disconnected, after: nil), count: 5_000 - stored))
        let cursor = test.last
        let start = try await test.append(.recordingStarted("a")).last
        try await test.append(Array(repeating: .gap(.disconnected, after: nil), count: 5_001))
        try await test.log.tick()
        #expect(try plain.integer("SELECT min(id) FROM gap") == start.rawValue)
        let told = try #require(try await test.replay("a", after: cursor, limit: 20_000).first?.gap)
        #expect(told.after <= cursor && told.before == start.next)
    }

    @Test func `of more than ten thousand gaps the older half becomes one that spans them`() async throws {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        let begin = try await test.append(.recordingStarted("a")).last
        try await test.append(.event("a", "early"))
        for _ in 0..<10 { try await test.append(Array(repeating: .gap(.disconnected, after: nil), count: 1_000)) }
        try await test.append(.event("a", "late"))
        let before = try await test.replay("a", after: begin, limit: 20_000)
        try await test.log.tick()
        let left = try #require(try PlainSQLite(engine.path).integer("SELECT count(*) FROM gap"))
        #expect(left <= 5_002 && left >= 4_900)

        let told = try await test.replay("a", after: begin, limit: 20_000)
        #expect(told.compactMap(\.event).map { LogEntry.event($0).text } == ["early", "late"], "no event is left out")
        let merged = try #require(told.compactMap(\.gap).first)
        #expect(merged.after <= begin)
        // What was told before lies within a gap that is told now.
        let gaps = told.compactMap(\.gap)
        for gap in before.compactMap(\.gap) where gap.id <= merged.id {
            #expect(merged.after <= gap.after && gap.before <= merged.before)
        }
        #expect(gaps.dropFirst() == before.compactMap(\.gap).filter { $0.id > merged.id }[...])
        // Who has seen the newest of them is told nothing of the older ones.
        #expect(
            try await test.replay("a", after: merged.id, limit: 20_000).compactMap(\.gap) == Array(gaps.dropFirst())
        )
    }

    @Test func `outages that were merged into where a recording began are told to whoever has seen nothing`()
        async throws
    {
        let test = try await LogUnderTest(RingLogEngine())
        try await test.append(.recordingStarted("a"), .event("a", "early"))
        try await test.append(Array(repeating: .gap(.disconnected, after: nil), count: 4_999))
        // The 5,001st, which the others are merged into.
        try await test.append(.recordingStarted("b"))
        try await test.append(Array(repeating: .gap(.disconnected, after: nil), count: 5_001))
        try await test.log.tick()
        let merged = try #require(try await test.replay("a", after: .zero, limit: 20_000).compactMap(\.gap).first)
        #expect(merged.reason == .disconnected && merged.after == .zero)
    }

    @Test func `breaks in a recording that were merged into where one began are told to whoever has seen nothing`()
        async throws
    {
        let test = try await LogUnderTest(RingLogEngine())
        try await test.append(.recordingStarted("a"), .event("a", "early"), .recordingStopped("a"))
        let broken = try await test.append(.recordingStarted("a"), .event("a", "late")).entries[0]
        // The older half is of reason `unrecorded` alone.
        let again: [LogWrite] = [.recordingStarted("b"), .recordingStopped("b")]
        try await test.append(Array(repeating: again, count: 5_001).flatMap(\.self))
        try await test.append(Array(repeating: .gap(.disconnected, after: nil), count: 5_000))
        try await test.log.tick()
        let told = try await test.replay("a", after: .zero, limit: 20_000)
        let merged = try #require(told.compactMap(\.gap).first)
        #expect(merged.reason == .unrecorded && merged.after == .zero && merged.before > broken.id)
    }

    @Test func `ten thousand gaps are kept`() async throws {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        for _ in 0..<10 { try await test.append(Array(repeating: .gap(.disconnected, after: nil), count: 1_000)) }
        try await test.log.tick()
        #expect(try PlainSQLite(engine.path).text("SELECT count(*) FROM gap") == "10000")
    }
}
