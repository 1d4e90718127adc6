import Foundation
import RelayCore
import RelaySQLite
import RelayTestSupport
import Testing

/// A relay that ends without a clean stop: an id that was given is never given again, and what is left is in order.
struct RingLogCrashTests {
    /// The log's files as a kill -9 leaves them, opened at another place.
    private func copy(_ engine: RingLogEngine, walBytes: Int? = nil) throws -> RingLogEngine {
        let other = try RingLogEngine()
        try FileManager.default.copyItem(atPath: engine.path, toPath: other.path)
        var wal = try Data(contentsOf: URL(fileURLWithPath: engine.path + "-wal"))
        if let walBytes { wal = wal.prefix(walBytes) }
        try wal.write(to: URL(fileURLWithPath: other.path + "-wal"))
        return other
    }

    private func walBytes(_ engine: RingLogEngine) throws -> Int {
        try Data(contentsOf: URL(fileURLWithPath: engine.path + "-wal")).count
    }

    @Test func `after a kill everything that was appended is there, and ids go on above all that were given`()
        async throws
    {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        try await test.append(.recordingStarted("a"))
        try await test.append("a", ["1", "2", "3"])

        let after = try await LogUnderTest(copy(engine), clock: test.clock)
        let identity = after.log.identity
        #expect(!identity.isNew && !identity.wasClean)
        #expect(identity.logID == test.log.identity.logID)
        #expect(identity.lastFound == test.last)
        #expect(identity.last > test.last)
        #expect(try await after.texts("a") == ["1", "2", "3"])
        try await after.append("a", ["4"])
        #expect(after.last > identity.last)
        #expect(try await after.texts("a") == ["1", "2", "3", "4"])
        #expect(try await after.log.recordedChannels() == ["a"])
    }

    @Test func `a log that was released without a close is as after a kill`() async throws {
        let test = try await LogUnderTest(RingLogEngine())
        let last = try await test.append("a", ["1", "2"])[1]
        test.drop()
        try await test.open()
        #expect(!test.log.identity.wasClean)
        #expect(test.log.identity.lastFound == last)
        #expect(try await test.append(.event("a", "3")).after > last)
        #expect(try await test.texts("a") == ["1", "2", "3"])
    }

    @Test func `a log that was opened and never appended to is clean`() async throws {
        let test = try await LogUnderTest(RingLogEngine())
        let first = test.log.identity
        test.drop()
        try await test.open()
        #expect(test.log.identity.wasClean)
        #expect(!test.log.identity.isNew)
        #expect(test.log.identity.last == first.last)
    }

    @Test func `wherever a power cut cuts the write-ahead log, a prefix is left under its high water mark`()
        async throws
    {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        try await test.append(.recordingStarted("a"))
        // All of it is in the file now, and a reader keeps the checkpointer from moving there what follows.
        let reader = try PlainSQLite(engine.path)
        while try reader.rows("PRAGMA wal_checkpoint(TRUNCATE)") != [["0", "0", "0"]] {}
        try reader.execute("BEGIN")
        _ = try reader.rows("SELECT * FROM meta")
        #expect(try self.walBytes(engine) == 0)
        for round in 0..<6 {
            if round == 3 {
                // From here on the ids need a higher mark.
                test.clock.advance(by: .seconds(120))
            }
            try await test.append((0..<3).map { .event("a", "\(round).\($0)") })
        }
        let texts = test.entries.compactMap(\.event).map { LogEntry.event($0).text }

        var prefixes: Set<Int> = []
        // The write-ahead log has 32 bytes, then for each frame 24 and a page.
        for end in stride(from: 32, through: try self.walBytes(engine), by: 24 + 4096) {
            let cut = try self.copy(engine, walBytes: end)
            let plain = try PlainSQLite(cut.path)
            let mark = try #require(try plain.integer("SELECT high_water FROM meta"))
            #expect(try plain.integer("SELECT coalesce(max(id), 0) FROM event") ?? .max <= mark)

            let after = try await LogUnderTest(cut, clock: test.clock)
            let left = try await after.texts("a")
            #expect(left == Array(texts.prefix(left.count)))
            #expect(left.count % 3 == 0, "a batch is there or not")
            prefixes.insert(left.count)
            #expect(try await after.append(.event("a", "new")).last.rawValue > mark)
        }
        #expect(prefixes == [0, 3, 6, 9, 12, 15, 18])
    }

    @Test func `a new log starts above every id of one that was deleted, also after unclean stops`() async throws {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        var newest = EventID.zero
        for _ in 0..<4 {
            newest = try await test.append("a", ["1"])[0]
            test.drop()
            // An unclean stop takes a million ids, which is a second; a start takes longer.
            test.clock.advance(by: .seconds(2))
            try await test.open()
        }
        newest = try await test.append("a", ["1"])[0]
        try await test.log.close()
        test.drop()
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: engine.path + suffix) }

        try await test.open()
        #expect(test.log.identity.isNew)
        #expect(test.log.identity.beginsAfter > newest)
        #expect(try await test.append(.event("a", "2")).entries[0].id > newest)
    }
}
