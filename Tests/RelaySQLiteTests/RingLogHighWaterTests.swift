import RelayCore
import RelaySQLite
import RelayTestSupport
import Testing

/// No id above the mark in the file is ever given.
struct RingLogHighWaterTests {
    private func meta(_ engine: RingLogEngine) throws -> (highWater: Int64, isClean: Bool) {
        let plain = try PlainSQLite(engine.path)
        return (try plain.integer("SELECT high_water FROM meta") ?? -1, try plain.text("SELECT clean FROM meta") == "1")
    }

    @Test func `the mark in the file is above every id given, and ten seconds ahead`() async throws {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        #expect(try self.meta(engine).highWater == test.last.rawValue)
        for step in [0, 1, 59, 60, 61, 5, 600] {
            test.clock.advance(by: .seconds(step))
            try await test.append(.event("a", "1"), .event("a", "2"))
            let (highWater, isClean) = try self.meta(engine)
            #expect(highWater >= test.last.rawValue)
            #expect(!isClean)
        }
        #expect(try self.meta(engine).highWater == test.clock.timeOfDay.advanced(by: .seconds(10)).microseconds)
    }

    @Test func `each tick moves the mark with the clock`() async throws {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        test.clock.advance(by: .seconds(3600))
        for _ in 0..<3 {
            test.clock.advance(by: .seconds(1))
            try await test.log.tick()
            let expected = test.clock.timeOfDay.advanced(by: .seconds(10)).microseconds
            #expect(try self.meta(engine).highWater == expected)
        }
    }

    @Test func `where the mark can't be written no id above it is given`() async throws {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        let shell = try PlainSQLite(engine.path)
        try shell.execute("BEGIN IMMEDIATE")
        await #expect(throws: SQLiteError.self) { try await test.append(.event("a", "1")) }
        try shell.execute("ROLLBACK")
        #expect(try self.meta(engine).highWater == test.last.rawValue)
    }

    @Test func `after a clean stop the mark is the newest id`() async throws {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        try await test.append("a", ["1", "2"])
        try await test.log.close()
        let (highWater, isClean) = try self.meta(engine)
        #expect(highWater == test.last.rawValue)
        #expect(isClean)
    }
}
