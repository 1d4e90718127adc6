import CSQLite
import Foundation
import RelayCore
import RelaySQLite
import RelayTestSupport
import Testing

/// Pages of the file that are no pages any more.
struct RingLogDamageTests {
    private static let pageSize = 4096

    /// A log of 200 events of a page each, of which the one with `payload` is overwritten.
    private func damaged(at number: Int) async throws -> (RingLogEngine, ManualClock, [EventID]) {
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine)
        try await test.append(.recordingStarted("a"))
        let ids = try await test.append("a", (0..<200).map { Self.payload($0) })
        try await test.log.close()
        test.drop()
        let url = URL(fileURLWithPath: engine.path)
        var file = try Data(contentsOf: url)
        let place = try #require(file.range(of: Data(Self.payload(number).utf8)))
        let page = place.lowerBound / Self.pageSize * Self.pageSize
        file.replaceSubrange(page..<page + Self.pageSize, with: Data(repeating: 0xff, count: Self.pageSize))
        try file.write(to: url)
        return (engine, test.clock, ids)
    }

    private static func payload(_ number: Int) -> String {
        "number \(number) " + String(repeating: "x", count: 3_000)
    }

    @Test func `what can't be read is told as a gap, and what comes after it is there`() async throws {
        let (engine, clock, ids) = try await self.damaged(at: 100)
        let test = try await LogUnderTest(engine, clock: clock)
        let before = test.last
        let page = try await test.log.read("a", after: ids[80], through: before, limit: 256)
        #expect(page.atEnd && page.next == before)
        let gap = try #require(page.entries.first?.gap)
        #expect(page.entries.count == 1)
        #expect(gap.reason == .damaged && gap.after == ids[80] && gap.before == before.next)

        #expect(try await test.log.read("a", after: ids[170], through: before, limit: 256).entries.count == 29)
        #expect(try await test.log.read("a", after: ids[50], through: ids[80], limit: 256).entries.count == 30)
        try await test.append("a", ["after it"])
        #expect(try await test.texts("a", after: before) == ["after it"])
        await #expect(throws: SQLiteError.self) { try await test.history("a", before: ids[120]) }
    }

    @Test func `a log whose beginning is overwritten is refused at the start and left as it is`() async throws {
        let (engine, clock, _) = try await self.damaged(at: 100)
        let url = URL(fileURLWithPath: engine.path)
        var file = try Data(contentsOf: url)
        file.replaceSubrange(100..<Self.pageSize, with: Data(repeating: 0xff, count: Self.pageSize - 100))
        try file.write(to: url)
        let error = await #expect(throws: RingLogOpenError.self) {
            try await engine.open(.roomy, clock: clock.serverClock)
        }
        guard case .damaged(engine.path, _) = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(error?.description.contains("Move it and its -wal file away") == true)
        #expect(try Data(contentsOf: url) == file)
    }

    @Test func `a migration that was left half-way is refused and left as it is`() async throws {
        let engine = try RingLogEngine()
        // Ours by its mark, with a table and without a version: no crash leaves that, since a migration is one
        // transaction, but a copy that broke off or a hand may.
        let shell = try PlainSQLite(engine.path)
        try shell.execute("PRAGMA application_id = 0x70676572; CREATE TABLE channel (id INTEGER PRIMARY KEY)")
        let error = await #expect(throws: RingLogOpenError.self) {
            try await engine.open(.roomy, clock: ManualClock().serverClock)
        }
        guard case .damaged(engine.path, _) = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(try shell.rows("SELECT name FROM sqlite_schema") == [["channel"]])
        #expect(try shell.text("PRAGMA user_version") == "0")
    }
}
