import CSQLite
import RelayCore
import RelaySQLite
import RelayTestSupport
import Testing

/// An append that fails has written nothing, and the same append works later.
struct RingLogFailureTests {
    private func counts(_ engine: RingLogEngine) throws -> [[String]] {
        try PlainSQLite(engine.path).rows(
            """
            SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM gap), (SELECT count(*) FROM channel),
                   (SELECT sum(evicted) FROM channel)
            """
        )
    }

    @Test func `while a shell holds the write lock an append fails, then it works`() async throws {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine, .events(10))
        try await test.append(.recordingStarted("a"))
        try await test.append("a", (1...10).map(String.init))
        let (told, before, last) = (try await test.replay("a"), try self.counts(engine), test.last)

        let shell = try PlainSQLite(engine.path)
        try shell.execute("BEGIN IMMEDIATE")
        for _ in 0..<3 {
            let error = await #expect(throws: SQLiteError.self) {
                try await test.append(.event("a", "11"), .recordingStarted("b"), .event("b", "1"))
            }
            #expect(error?.code == SQLITE_BUSY)
        }
        #expect(try await test.replay("a") == told, "readers are not disturbed")
        #expect(try self.counts(engine) == before)
        try shell.execute("ROLLBACK")

        let batch = try await test.append(.event("a", "11"), .recordingStarted("b"), .event("b", "1"))
        #expect(batch.after == last)
        #expect(batch.entries.map(\.text) == ["11", "[unrecorded]", "1"])
        #expect(try await test.texts("a", after: test.floor("a")) == (3...11).map(String.init))
    }

    @Test func `an append that fails half-way leaves nothing behind, in the file or in memory`() async throws {
        let engine = try RingLogEngine()
        var retention = Retention.events(10)
        retention.maximumEventsPerChannel = 8
        let test = try await LogUnderTest(engine, retention)
        try await test.append(.recordingStarted("a"))
        try await test.append("a", (1...8).map(String.init))
        let before = try self.counts(engine)

        let shell = try PlainSQLite(engine.path)
        try shell.execute(
            """
            CREATE TRIGGER poisoned BEFORE INSERT ON event WHEN new.payload = 'poison'
            BEGIN SELECT raise(ABORT, 'poisoned'); END
            """
        )
        let writes: [LogWrite] = [
            .event("a", "9"), .recordingStarted("new"), .event("new", "1"), .recordingStopped("a"),
            .event("new", "poison"),
        ]
        for _ in 0..<3 {
            await #expect(throws: SQLiteError.self) { try await test.append(writes) }
            #expect(try self.counts(engine) == before)
        }
        #expect(try await test.log.recordedChannels() == ["a"])
        try shell.execute("DROP TRIGGER poisoned")

        let batch = try await test.append(writes)
        #expect(batch.entries.map(\.text) == ["9", "[unrecorded]", "1", "poison"])
        #expect(try await test.log.recordedChannels() == ["new"])
        // Its counts are right: 8 events of `a`, 10 of all.
        #expect(try await test.texts("a", after: test.floor("a")) == (2...9).map(String.init))
        try await test.append(.event("new", "3"))
        #expect(try self.counts(engine)[0][0] == "10")
    }

    @Test func `a channel that a trigger of somebody's keeps out is an append that fails, and works later`()
        async throws
    {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        let shell = try PlainSQLite(engine.path)
        try shell.execute(
            "CREATE TRIGGER closed BEFORE INSERT ON channel BEGIN SELECT raise(IGNORE); END"
        )
        let before = try self.counts(engine)
        await #expect(throws: (any Error).self) { try await test.append(.recordingStarted("a"), .event("a", "1")) }
        #expect(try self.counts(engine) == before)
        try shell.execute("DROP TRIGGER closed")
        try await test.append(.recordingStarted("a"), .event("a", "1"))
        #expect(try await test.texts("a") == ["1"])
    }

    @Test func `a tick that can't write says so and works later`() async throws {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        let shell = try PlainSQLite(engine.path)
        try shell.execute("BEGIN IMMEDIATE")
        test.clock.advance(by: .seconds(1))
        await #expect(throws: SQLiteError.self) { try await test.log.tick() }
        try shell.execute("ROLLBACK")
        try await test.log.tick()
    }

    @Test func `a closed log refuses further work`() async throws {
        let test = try await LogUnderTest(RingLogEngine())
        try await test.log.close()
        await #expect(throws: (any Error).self) { try await test.append(.event("a", "1")) }
        await #expect(throws: (any Error).self) { try await test.log.tick() }
        await #expect(throws: (any Error).self) { try await test.replay("a") }
    }
}
