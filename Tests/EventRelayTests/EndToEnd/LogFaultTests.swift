import Foundation
import RelayTestSupport
import Testing

/// The log can't be written for a while, and the program goes on: what is published reaches live clients, and later the
/// log, under the same ids; or a gap says what does not.
@Suite(.timeLimit(.minutes(2)))
struct LogFaultTests {
    private enum Fault: String, CaseIterable {
        case diskIsFull, shellHoldsTheWriteLock, fileIsDeleted, allFilesAreDeleted, fileIsMovedAway

        /// What the relay writes when it has got over it.
        var end: String {
            switch self {
            case .diskIsFull, .shellHoldsTheWriteLock: "log can be written again"
            case .fileIsDeleted, .allFilesAreDeleted, .fileIsMovedAway: "it is put back"
            }
        }
    }

    /// Causes a fault.
    /// - Returns: what ends it.
    private func cause(_ fault: Fault, _ world: World) throws -> () throws -> Void {
        let path = world.folder.file("log.db")
        switch fault {
        case .diskIsFull:
            // No file may grow, nor be written beyond a page.
            try world.relay.limitFiles(to: 4096)
            return { try world.relay.limitFiles(to: nil) }
        case .shellHoldsTheWriteLock:
            let shell = try PlainSQLite(path)
            try shell.execute("BEGIN IMMEDIATE")
            return { try shell.execute("ROLLBACK") }
        case .fileIsDeleted:
            try FileManager.default.removeItem(atPath: path)
            return {}
        case .allFilesAreDeleted:
            for suffix in ["", "-wal", "-shm", ".lock"] { try FileManager.default.removeItem(atPath: path + suffix) }
            return {}
        case .fileIsMovedAway:
            try FileManager.default.moveItem(atPath: path, toPath: path + ".moved")
            return {}
        }
    }

    @Test(arguments: Fault.allCases)
    private func `live clients get what is published meanwhile, and later it is in the log as they saw it`(
        fault: Fault
    ) async throws {
        let world = try await World(environment: ["ES_CHANNELS": "a"])
        let live = try await world.connect("/listen/a?last-seen-id=latest")
        let raw = try await world.connect("/listen/a")
        let begin = try await live.envelope().id
        try await world.sql.notify("a", "0")
        var seen = [try await live.envelope()]
        let end = try self.cause(fault, world)
        for number in 1...20 {
            try await world.sql.notify("a", "\(number)")
            seen.append(try await live.envelope(within: .seconds(10)))
        }
        #expect(seen.map(\.payload) == (0...20).map { "\($0)" })
        for number in 0...20 { #expect(try await raw.text() == "\(number)") }
        // Somebody who comes now is given everything, too, whether it is in the log or only in memory.
        let during = try await world.connect("/listen/a?last-seen-id=\(begin)")
        for event in seen { #expect(try await during.envelope() == event) }
        #expect(try await during.envelope().type == "live")

        try end()
        _ = try await world.relay.waitForLog(fault.end)
        let history = try await world.history("/history/a?after=\(begin)&limit=1000")
        #expect(history.events == seen)
        let after = try await world.connect("/listen/a?last-seen-id=\(seen[5].id)")
        for event in seen.dropFirst(6) { #expect(try await after.envelope() == event) }
        #expect(try await after.envelope().type == "live")
        try await world.sql.notify("a", "after")
        for client in [live, during, after] { #expect(try await client.envelope().payload == "after") }

        #expect(try await world.relay.stop() == 0)
        let shell = try PlainSQLite(world.folder.file("log.db"))
        #expect(try shell.text("PRAGMA integrity_check") == "ok")
        #expect(try shell.rows("SELECT id FROM event ORDER BY id").prefix(21).map { $0[0] } == seen.map { "\($0.id)" })
    }

    @Test
    func `what memory can't hold meanwhile is told as a gap, live to who lags and later to who comes back`()
        async throws
    {
        let world = try await World(environment: ["ES_CHANNELS": "a"])
        let live = try await world.connect("/listen/a?last-seen-id=latest")
        let begin = try await live.envelope().id
        let lagging = try await WebSocketTestClient.connect(
            port: world.relay.port,
            "/listen/a?last-seen-id=latest",
            receiveBuffer: 4096
        )
        #expect(try await lagging.envelope().type == "live")
        try await lagging.setReading(false)
        let end = try self.cause(.diskIsFull, world)
        // 24 MB where 16 MiB fit.
        let count = 3_000
        let padding = String(repeating: "x", count: 7_900)
        var ids: [Int64] = []
        for some in Array(0..<count).chunks(of: 100) {
            // No more than it reads, so that it stays live.
            try await world.sql.runEach(some.map { "SELECT pg_notify('a', '\($0):\(padding)')" })
            for number in some {
                let event = try await live.envelope()
                try #require(event.payload?.hasPrefix("\(number):") == true)
                ids.append(event.id)
            }
        }
        // It was cut short by its own socket somewhere; what follows for it was forgotten by now.
        try await lagging.setReading(true)
        let told = try await self.messages(of: lagging, through: ids[count - 1])
        try self.expectOneGap(told, ids, reason: "unlogged")

        try end()
        _ = try await world.relay.waitForLog(Fault.diskIsFull.end)
        let back = try await world.connect("/listen/a?last-seen-id=\(begin)")
        try self.expectOneGap(try await self.messages(of: back, through: ids[count - 1]), ids, reason: "unlogged")
        let shell = try PlainSQLite(world.folder.file("log.db"))
        #expect(try shell.rows("SELECT reason FROM gaps WHERE channel = '*'") == [["unlogged"]])
    }

    private func messages(of client: WebSocketTestClient, through id: Int64) async throws -> [Envelope] {
        var messages: [Envelope] = []
        while messages.last?.id ?? 0 < id { messages.append(try await client.envelope()) }
        return messages
    }

    /// All that is missing lies in the one gap that is told, and nothing else is missing.
    private func expectOneGap(_ told: [Envelope], _ ids: [Int64], reason: String) throws {
        let gaps = told.filter { $0.type == "gap" }
        let gap = try #require(gaps.first)
        #expect(gaps.count == 1 && gap.reason == reason && gap.lost == nil)
        #expect(told.map(\.id) == told.map(\.id).sorted())
        let received = Set(told.filter { $0.type == "event" }.map(\.id))
        let missing = ids.filter { !received.contains($0) }
        #expect(!missing.isEmpty)
        #expect(missing.allSatisfy { (gap.after ?? .max) < $0 && $0 < (gap.before ?? 0) })
    }

    @Test
    func `health tells that the log can't be written, and that it can again`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "a"])
        #expect(try await world.get("/health").status == 200)
        let end = try self.cause(.shellHoldsTheWriteLock, world)
        try await world.sql.notify("a", "1")
        _ = try await world.relay.waitForLog("log can't be written")
        _ = try await world.relay.waitForLog("events are delivered from memory")
        let failing = try await world.get("/health")
        #expect(failing.status == 503)
        #expect(failing.body.contains(#""log":{"state":"failing","since":""#))
        try end()
        _ = try await world.relay.waitForLog("log can be written again")
        #expect(try await world.get("/health").status == 200)
    }

    @Test
    func `stopped while the log can't be written it says what it gave up, and the next start tells a gap`() async throws
    {
        let world = try await World(environment: ["ES_CHANNELS": "a"])
        let live = try await world.connect("/listen/a?last-seen-id=latest")
        let begin = try await live.envelope().id
        let end = try self.cause(.shellHoldsTheWriteLock, world)
        try await world.sql.notify("a", "lost")
        let seen = try await live.envelope(within: .seconds(10))
        #expect(try await world.relay.stop() == 0)
        #expect(
            world.relay.log().contains { $0.contains("stopping without having written") && $0.contains("events=1") }
        )
        try end()

        let next = try await RelayProcess.startListening(
            database: world.database,
            folder: world.folder.path,
            environment: ["ES_CHANNELS": "a"]
        )
        for cursor in [begin, seen.id] {
            let client = try await WebSocketTestClient.connect(port: next.port, "/listen/a?last-seen-id=\(cursor)")
            let gap = try await client.envelope()
            #expect(gap.type == "gap" && gap.reason == "restarted" && gap.id > seen.id)
            #expect(gap.after ?? .max <= begin)
            #expect(try await client.envelope().type == "live")
        }
    }
}
