import Foundation
import RelayTestSupport
import Testing

/// The log deleted, or an older copy put in its place, while the relay was stopped.
@Suite(.timeLimit(.minutes(3)))
struct RestoreTests {
    private let folder: TemporaryFolder
    private let database: String
    private let sql: SQLSession
    private var log: URL { URL(fileURLWithPath: self.folder.file("log.db")) }

    init() async throws {
        self.folder = try TemporaryFolder()
        self.database = try await EphemeralPostgres.shared.get().makeDatabase()
        self.sql = try SQLSession(self.database)
    }

    private func withRelay<Result>(_ body: (RelayProcess) async throws -> Result) async throws -> Result {
        let relay = try await RelayProcess.startListening(
            database: self.database,
            folder: self.folder.path,
            environment: ["ES_CHANNELS": "kept"]
        )
        let result = try await body(relay)
        #expect(try await relay.stop() == 0)
        return result
    }

    /// - Returns: the messages up to the event with this payload.
    private func messages(_ relay: RelayProcess, after cursor: Int64, to payload: String) async throws -> [Envelope] {
        let client = try await WebSocketTestClient.connect(port: relay.port, "/listen/kept?last-seen-id=\(cursor)")
        var messages: [Envelope] = []
        repeat { messages.append(try await client.envelope()) } while messages.last?.payload != payload
        return messages
    }

    @Test func `a client that saw more than the restored copy has is told a gap, and no id comes again`() async throws {
        try await self.withRelay { relay in
            try await self.sql.notify("kept", "1")
            _ = try await self.messages(relay, after: 0, to: "1")
        }
        let copied = try Data(contentsOf: self.log)
        let seen = try await self.withRelay { relay in
            try await self.sql.notify("kept", "2")
            return try await self.messages(relay, after: 0, to: "2")
        }
        try copied.write(to: self.log)
        let cursor = try #require(seen.last?.id)
        let after = try await self.withRelay { relay in
            try await self.sql.notify("kept", "3")
            return try await self.messages(relay, after: cursor, to: "3")
        }
        let gap = try #require(after.first)
        let inCopy = try #require(seen.first { $0.payload == "1" })
        #expect(gap.reason == "restarted" && gap.after == inCopy.id)
        #expect(after.filter { $0.type == "event" }.map(\.payload) == ["3"])
        #expect(after.allSatisfy { $0.id > cursor })
    }

    @Test func `beside the lock file of a deleted log a new one begins above it, and its cursors are told so`()
        async throws
    {
        let seen = try await self.withRelay { relay in
            try await self.sql.notify("kept", "1")
            return try await self.messages(relay, after: 0, to: "1")
        }
        try FileManager.default.removeItem(at: self.log)
        let cursor = try #require(seen.last?.id)
        let after = try await self.withRelay { relay in
            try await self.sql.notify("kept", "2")
            return try await self.messages(relay, after: cursor, to: "2")
        }
        #expect(after.first?.reason == "replaced" && after.first?.after == cursor)
        #expect(after.allSatisfy { $0.id > cursor })
    }
}
