import Foundation
import RelayCore
import RelayMigrations
import RelayTestSupport
import Testing

@testable import RelaySQLite

/// The schema, from the files to the database.
struct MigrationsTests {
    private static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("migrations")

    @Test func `the list has every file of the folder, in order, as it is`() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
            .filter { $0.hasSuffix(".sql") }.sorted()
        #expect(migrations.map(\.fileName) == files)
        for migration in migrations {
            let text = try String(contentsOf: Self.folder.appendingPathComponent(migration.fileName), encoding: .utf8)
            #expect(migration.sql == text)
        }
    }

    @Test func `versions are 1, 2, 3 … without holes, and each file's name begins with its version`() {
        #expect(migrations.map(\.version) == (1...Int32(migrations.count)).map(\.self))
        for migration in migrations { #expect(Int32(migration.fileName.prefix(4)) == migration.version) }
    }

    @Test func `a new log has the newest version, the right settings and our mark`() async throws {
        let engine = try RingLogEngine()
        let log = try await engine.open(.roomy, clock: ManualClock().serverClock)
        let plain = try PlainSQLite(engine.path)
        #expect(try plain.integer("PRAGMA user_version") == migrations.last.map { Int64($0.version) })
        #expect(try plain.integer("PRAGMA application_id") == Migrator.applicationID)
        #expect(try plain.text("PRAGMA auto_vacuum") == "2", "incremental")
        #expect(try plain.text("PRAGMA page_size") == "4096")
        #expect(try plain.text("PRAGMA journal_mode") == "wal")
        #expect(try plain.rows("PRAGMA integrity_check") == [["ok"]])
        #expect(try plain.rows("SELECT name FROM sqlite_schema WHERE sql LIKE '%STRICT%'") == [], "for old shells")
        try await log.close()
    }

    @Test func `our mark is what file(1) shows`() {
        #expect(Migrator.applicationID == 0x7067_6572)
        #expect(withUnsafeBytes(of: UInt32(0x7067_6572).bigEndian) { String(decoding: $0, as: UTF8.self) } == "pger")
    }

    @Test func `to prepare a log again changes nothing`() throws {
        let engine = try RingLogEngine()
        let connection = try SQLiteConnection(path: engine.path, busyTimeout: .zero, creates: true)
        try Migrator(path: engine.path).prepare(connection)
        let schema = try PlainSQLite(engine.path).rows("SELECT name, sql FROM sqlite_schema")
        try Migrator(path: engine.path).prepare(connection)
        #expect(try PlainSQLite(engine.path).rows("SELECT name, sql FROM sqlite_schema") == schema)
        #expect(schema.count > 5)
    }

    @Test(arguments: 1..<migrations.count)
    func `a log of an earlier version is opened with all that is in it, and has the newest version then`(
        steps: Int
    )
        async throws
    {
        let engine = try RingLogEngine()
        let newest = Timestamp.ofTests.microseconds
        do {
            let connection = try SQLiteConnection(path: engine.path, busyTimeout: .zero, creates: true)
            try Migrator(path: engine.path, steps: Array(migrations.prefix(steps))).prepare(connection)
            try connection.execute(
                """
                INSERT INTO meta (one, log_id, begins_after, high_water, clean) VALUES (1, 'old', 5, \(newest), 1);
                INSERT INTO channel (id, name, recording, recorded_from, evicted_through) VALUES (1, 'a', 1, 6, 7);
                INSERT INTO event VALUES (8, 1, 0, 1, 'x'), (\(newest), 1, 0, 1, 'y');
                """
            )
        }
        let test = try await LogUnderTest(engine)
        #expect(test.log.identity.logID == "old" && test.log.identity.last.rawValue == newest)
        #expect(try await test.texts("a", after: 6) == ["[evicted]", "x", "y"])
        #expect(try await test.replay(ChannelSelection([], patterns: [ChannelGlob("b*")]), after: 6) == [])
        try await test.append("a", ["z"])
        #expect(try await test.texts("a", after: 8) == ["y", "z"])
        let version = try PlainSQLite(engine.path).integer("PRAGMA user_version")
        #expect(version == migrations.last.map { Int64($0.version) })
    }

    @Test func `a program without the newest step refuses the log`() throws {
        let engine = try RingLogEngine()
        let connection = try SQLiteConnection(path: engine.path, busyTimeout: .zero, creates: true)
        try Migrator(path: engine.path).prepare(connection)
        let version = try #require(migrations.last.map { Int64($0.version) })
        #expect(throws: RingLogOpenError.newerSchema(path: engine.path, version: version, known: version - 1)) {
            try Migrator(path: engine.path, steps: migrations.dropLast()).prepare(connection)
        }
    }
}
