import CSQLite
import RelayCore
import RelaySQLite
import RelayTestSupport
import Testing

/// Events that have ids while the log can't be written.
struct RingLogSetAsideTests {
    private static let large = String(repeating: "x", count: 7_999)

    @Test func `while a shell holds the write lock events are set aside, then they are in the log`() async throws {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        try await test.append("a", ["1"])
        let shell = try PlainSQLite(engine.path)
        try shell.execute("BEGIN IMMEDIATE")
        await #expect(throws: SQLiteError.self) { try await test.append(.event("a", "2")) }
        for number in 2...50 { try await test.setAside(.event("a", "\(number)")) }
        await #expect(throws: SQLiteError.self) { try await test.append([]) }
        try await test.setAside(.event("a", "51"))
        try shell.execute("ROLLBACK")
        try await test.append(.event("a", "52"))
        #expect(try await test.texts("a") == (1...52).map(String.init))
        #expect(try await test.replay("a") == test.entries)
    }

    @Test func `what there is no room for is forgotten, the oldest first, and a gap tells it`() async throws {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        try await test.append(.recordingStarted("a"), .event("a", "1"))
        let written = test.last
        var standing = LogStanding(writtenThrough: written)
        var kept: [LogEntry] = []
        // Some 24 MiB, where 16 fit.
        for number in 0..<3_000 {
            let writes: [LogWrite] =
                number == 1 ? [.recordingStarted("b"), .event("b", "1")] : [.event("a", "\(number) \(Self.large)")]
            let batch = try await test.setAside(writes)
            #expect(batch.standing.writtenThrough == written)
            #expect(batch.standing.keptAfter >= standing.keptAfter)
            standing = batch.standing
            kept += batch.entries
            kept.removeAll { $0.id <= standing.keptAfter }
        }
        #expect(standing.keptAfter > written)
        let bytes = kept.compactMap(\.event?.payload.bytes.count).reduce(0, +)
        #expect(bytes > 14 << 20 && bytes <= 16 << 20)

        let batch = try await test.append(.event("a", "last"))
        #expect(batch.standing == LogStanding(writtenThrough: batch.last))
        let told = try await test.replay("a", after: written, limit: 10_000)
        let gap = try #require(told.first?.gap)
        #expect(gap.reason == .unlogged && gap.after == written && gap.id == standing.keptAfter)
        #expect(Array(told.dropFirst()) == kept + batch.entries)
        // The recording of `b` began within what was forgotten; that is not.
        #expect(try await test.log.recordedChannels() == ["a", "b"])
        #expect(try await test.texts("b", after: .zero) == ["[unlogged]"])
        #expect(try PlainSQLite(engine.path).text("PRAGMA integrity_check") == "ok")
    }

    @Test func `an eviction that failed with its transaction counts for nothing`() async throws {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine, .events(100))
        try await test.append(.recordingStarted("a"), .recordingStarted("b"))
        let written = test.last
        let shell = try PlainSQLite(engine.path)
        // Of a burst larger than the log, events of `a` are evicted, and then those of `b` are not.
        try shell.execute(
            """
            CREATE TRIGGER stubborn BEFORE UPDATE ON channel WHEN new.name = 'b' AND new.evicted > 0
            BEGIN SELECT raise(ABORT, 'stubborn'); END
            """
        )
        let burst = (0..<300).map { LogWrite.event($0 % 2 == 0 ? "a" : "b", "\($0)") }
        await #expect(throws: SQLiteError.self) { try await test.append(burst) }
        let batch = try await test.setAside(burst)
        #expect(batch.standing.writtenThrough == written)
        #expect(batch.evictedThrough <= written)
        try shell.execute("DROP TRIGGER stubborn")
        let after = try await test.append(.event("a", "last"))
        #expect(after.evictedThrough > written && after.evictedThrough < after.last)
        #expect(try PlainSQLite(engine.path).integer("SELECT count(*) FROM event") ?? 0 <= 100)
    }

    @Test func `many small batches are written back, all of them`() async throws {
        let test = try await LogUnderTest(RingLogEngine())
        try await test.append("a", ["0"])
        for number in 1...5_000 { try await test.setAside(.event("a", "\(number)")) }
        try await test.append([])
        #expect(try await test.replay("a", limit: 10_000) == test.entries)
    }

    @Test func `after a kill what was set aside is told as a gap, and its ids don't come again`() async throws {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        try await test.append("a", ["1"])
        let written = test.last
        let given = try await test.setAside(.event("a", "2"), .event("a", "3")).last
        test.drop()
        try await test.open()
        #expect(test.log.identity.lastFound == written && test.log.identity.last >= given)
        let gap = try await test.append(.gap(.restarted, after: test.log.identity.lastFound)).entries[0]
        #expect(gap.id > given)
        #expect(try await test.texts("a", after: given) == ["[restarted]"])
    }

    @Test func `no id is given above what was reserved`() async throws {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        try await test.append("a", ["1"])
        let mark = try #require(try PlainSQLite(engine.path).integer("SELECT high_water FROM meta"))
        let room = mark - test.last.rawValue
        #expect(room >= 999_999, "a million events can be given ids")
        // A clock that has run past the mark doesn't matter.
        test.clock.advance(by: .seconds(3_600))
        #expect(try await test.setAside(.event("a", "2")).last.rawValue <= mark)
    }

    @Test func `a clean stop writes what is set aside`() async throws {
        let test = try await LogUnderTest(RingLogEngine())
        try await test.append("a", ["1"])
        try await test.setAside(.event("a", "2"))
        try await test.reopen()
        #expect(test.log.identity.wasClean)
        #expect(try await test.texts("a") == ["1", "2"])
    }
}
