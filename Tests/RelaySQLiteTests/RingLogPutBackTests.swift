import Foundation
import RelayCore
import RelaySQLite
import RelayTestSupport
import Testing

/// The log's file is deleted, moved or replaced while it is open.
struct RingLogPutBackTests {
    private func filledLog() async throws -> (RingLogEngine, LogUnderTest) {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        try await test.append(.recordingStarted("a"))
        try await test.append("a", ["1", "2"])
        try await test.log.tick()
        return (engine, test)
    }

    private func delete(_ path: String, _ suffixes: String...) {
        for suffix in suffixes { try? FileManager.default.removeItem(atPath: path + suffix) }
    }

    /// What somebody's shell finds at the path.
    private func payloads(_ path: String) throws -> [String] {
        let shell = try PlainSQLite(path)
        #expect(try shell.text("PRAGMA integrity_check") == "ok")
        return try shell.rows("SELECT payload FROM event ORDER BY id").map { $0[0] }
    }

    @Test(arguments: [[""], ["", "-wal", "-shm"], ["", "-wal", "-shm", ".lock"]])
    func `a log that is deleted is put back with all that was in it`(suffixes: [String]) async throws {
        let (engine, test) = try await self.filledLog()
        for suffix in suffixes { self.delete(engine.path, suffix) }
        try await test.append("a", ["3"])
        try await test.log.tick()
        #expect(try self.payloads(engine.path) == ["1", "2", "3"])
        let last = test.last
        #expect(try await test.append(.event("a", "4")).after == last)
        try await test.log.tick()
        #expect(try await test.texts("a") == ["1", "2", "3", "4"], "the relay's reader has the new file")
        #expect(try self.payloads(engine.path) == ["1", "2", "3", "4"])

        // As after a kill: what was appended last is in the files that are there.
        test.drop()
        try await test.open()
        #expect(test.log.identity.lastFound > last)
        #expect(try await test.texts("a") == ["1", "2", "3", "4"])
    }

    @Test func `a log that is moved away is whole where it is, and goes on in its place`() async throws {
        let (engine, test) = try await self.filledLog()
        let elsewhere = engine.folder.file("moved.db")
        try FileManager.default.moveItem(atPath: engine.path, toPath: elsewhere)
        try await test.log.tick()
        try await test.append("a", ["3"])
        #expect(try self.payloads(elsewhere) == ["1", "2"])
        #expect(try self.payloads(engine.path) == ["1", "2", "3"])
        #expect(try await test.texts("a") == ["1", "2", "3"])
    }

    @Test func `another file in its place is left alone, and once it is gone the log is put back`() async throws {
        let (engine, test) = try await self.filledLog()
        self.delete(engine.path, "")
        let foreign = Data("another".utf8)
        try foreign.write(to: URL(fileURLWithPath: engine.path))
        for number in 3...5 {
            let error = await #expect(throws: RingLogMoved.self) { try await test.log.tick() }
            #expect(error?.description.contains("'\(engine.path)'") == true)
            try await test.append("a", ["\(number)"])
        }
        #expect(try await test.texts("a") == ["1", "2", "3", "4", "5"])
        #expect(try Data(contentsOf: URL(fileURLWithPath: engine.path)) == foreign)

        self.delete(engine.path, "")
        try await test.log.tick()
        #expect(try self.payloads(engine.path) == ["1", "2", "3", "4", "5"])
    }

    @Test func `it can be deleted again and again, with or without anybody reading meanwhile`() async throws {
        let (engine, test) = try await self.filledLog()
        for number in 3...8 {
            self.delete(engine.path, "")
            if number % 2 == 0 { #expect(try await test.texts("a").count == number - 1) }
            try await test.append("a", ["\(number)"])
            #expect(try await test.log.tick() == .putBack)
            #expect(try await test.log.tick() == nil)
            self.delete(engine.path, "")
            #expect(try await test.texts("a").count == number)
            #expect(!FileManager.default.fileExists(atPath: engine.path), "a reader makes no file")
            #expect(try await test.log.tick() == .putBack)
        }
        #expect(try self.payloads(engine.path) == (1...8).map(String.init))
    }

    @Test func `an empty file that a shell has made in its place is nothing`() async throws {
        let (engine, test) = try await self.filledLog()
        self.delete(engine.path, "")
        let shell = try PlainSQLite(engine.path)
        try shell.execute("BEGIN IMMEDIATE; ROLLBACK")
        #expect(try await test.log.tick() == .putBack)
        #expect(try self.payloads(engine.path) == ["1", "2"])
    }

    @Test func `what is put back has the rights of what was deleted, and leaves nothing else`() async throws {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        try await test.log.close()
        test.drop()
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: engine.path)
        try await test.open()
        self.delete(engine.path, "")
        try await test.log.tick()
        let rights = try FileManager.default.attributesOfItem(atPath: engine.path)[.posixPermissions]
        #expect(rights as? Int == 0o600)
        let files = try FileManager.default.contentsOfDirectory(atPath: engine.folder.path).sorted()
        #expect(files == ["log.db", "log.db-shm", "log.db-wal", "log.db.lock"])
    }

    @Test func `one that can't be put back is tried again, less and less often`() async throws {
        let (engine, test) = try await self.filledLog()
        self.delete(engine.path, "")
        // A folder where the copy would be made.
        let obstacle = engine.path + ".putback"
        try FileManager.default.createDirectory(atPath: obstacle + "/x", withIntermediateDirectories: true)
        await #expect(throws: (any Error).self) { try await test.log.tick() }
        try FileManager.default.removeItem(atPath: obstacle)
        await #expect(throws: (any Error).self) { try await test.log.tick() }
        test.clock.advance(by: .seconds(2))
        #expect(try await test.log.tick() == .putBack)
    }

    @Test func `a lock file that is deleted is made again, and holds others off`() async throws {
        let (engine, test) = try await self.filledLog()
        self.delete(engine.path, ".lock")
        try await test.log.tick()
        await #expect(throws: RingLogOpenError.heldByAnother(path: engine.path)) {
            try await engine.open(.roomy, clock: test.clock.serverClock)
        }
    }

    @Test func `the place is locked again`() async throws {
        let (engine, test) = try await self.filledLog()
        self.delete(engine.path, "", "-wal", "-shm", ".lock")
        try await test.log.tick()
        await #expect(throws: RingLogOpenError.heldByAnother(path: engine.path)) {
            try await engine.open(.roomy, clock: test.clock.serverClock)
        }
    }

    @Test func `a place that another relay has taken is left to it`() async throws {
        let (engine, test) = try await self.filledLog()
        self.delete(engine.path, "", "-wal", "-shm", ".lock")
        let other = try await LogUnderTest(engine)
        await #expect(throws: (any Error).self) { try await test.log.tick() }
        try await other.append("a", ["another's"])
        await #expect(throws: (any Error).self) { try await test.log.close() }
        test.drop()
        try await other.append("a", ["more"])
        #expect(try self.payloads(engine.path) == ["another's", "more"])
        // Its write-ahead log was not deleted by name when the first one's connections were closed.
        other.drop()
        try await other.open()
        #expect(try await other.texts("a") == ["another's", "more"])
    }

    @Test func `a log that is deleted just before the end is put back at the end`() async throws {
        let (engine, test) = try await self.filledLog()
        self.delete(engine.path, "")
        let last = try await test.append("a", ["3"])[0]
        try await test.reopen()
        #expect(test.log.identity.wasClean && test.log.identity.lastFound == last)
        #expect(try await test.texts("a") == ["1", "2", "3"])
    }

    @Test func `ids that a deleted log gave don't come again`() async throws {
        let (engine, test) = try await self.filledLog()
        self.delete(engine.path, "", "-wal", "-shm", ".lock")
        let given = try await test.append("a", ["3"])[0]
        try await test.log.tick()
        test.drop()
        self.delete(engine.path, "", "-wal", "-shm")
        test.clock.stepTimeOfDay(by: .seconds(-3600))
        try await test.open()
        #expect(try await test.append(.event("a", "4")).entries[0].id > given, "the new lock file has the mark")
    }
}
