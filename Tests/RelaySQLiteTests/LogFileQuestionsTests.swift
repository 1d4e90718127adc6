import Foundation
import RelayCore
import RelayTestSupport
import Testing

/// What people ask the file with the `sqlite3` shell, while the relay runs.
struct LogFileQuestionsTests {
    private let engine: RingLogEngine
    private let plain: PlainSQLite
    private let test: LogUnderTest

    /// Three events of `people` and two of `orders`, a second apart, and an outage; the oldest event is gone.
    init() async throws {
        self.engine = try RingLogEngine()
        self.test = try await LogUnderTest(self.engine, .events(4))
        self.plain = try PlainSQLite(self.engine.path)
        // Past the margin of a new log, so that ids are times.
        self.test.clock.advance(by: .seconds(100))
        try await self.test.append(.recordingStarted("people"), .recordingStarted("orders"))
        for (channel, payload) in [
            ("people", #"{"name":"Ann"}"#), ("people", #"{"name":"Paul"}"#), ("orders", "größe 🐘"),
            ("people", #"{"name":"Zoë"}"#),
        ] as [(ChannelName, String)] {
            self.test.clock.advance(by: .seconds(1))
            try await self.test.append(.event(channel, payload))
        }
        try await self.test.append(.gap(.disconnected, after: nil))
        self.test.clock.advance(by: .seconds(1))
        try await self.test.append(.event("orders", "2"))
    }

    private func time(_ secondsFromStart: Int) -> String {
        Timestamp.ofTests.advanced(by: .seconds(100 + secondsFromStart)).description
    }

    @Test func `the newest events of a channel`() throws {
        let rows = try self.plain.rows(
            "SELECT at, payload FROM history WHERE channel = 'people' ORDER BY id DESC LIMIT 10"
        )
        #expect(rows == [[time(4), #"{"name":"Zoë"}"#], [time(2), #"{"name":"Paul"}"#]])
    }

    @Test func `how many events each channel has`() throws {
        let rows = try self.plain.rows(
            "SELECT channel, recording, events, bytes, floor > 0, evicted FROM channel_stats ORDER BY channel"
        )
        #expect(rows == [["orders", "1", "2", "13", "0", "0"], ["people", "1", "2", "30", "1", "1"]])
    }

    @Test func `where a channel begins and ends`() throws {
        let rows = try self.plain.rows("SELECT oldest, newest, floor FROM channel_stats WHERE channel = 'people'")
        let people = self.test.entries.compactMap(\.event).filter { $0.channel == "people" }.map(\.id.description)
        #expect(rows == [[people[1], people[2], people[0]]])
    }

    @Test func `where events may be missing`() throws {
        let rows = try self.plain.rows("SELECT at, channel, before - id, reason FROM gaps ORDER BY id")
        #expect(
            rows == [
                [time(0), "people", "1", "unrecorded"], [time(0), "orders", "1", "unrecorded"],
                [time(4), "*", "1", "disconnected"],
            ]
        )
        let gap = try #require(self.test.entries.compactMap(\.gap).last)
        #expect(try self.plain.text("SELECT after FROM gaps WHERE reason = 'disconnected'") == gap.after.description)
    }

    @Test func `which payloads contain something`() throws {
        #expect(
            try self.plain.rows("SELECT payload FROM history WHERE payload LIKE '%Paul%'") == [[#"{"name":"Paul"}"#]]
        )
        #expect(try self.plain.rows("SELECT channel FROM history WHERE payload LIKE '%🐘%'") == [["orders"]])
        #expect(
            try self.plain.rows("SELECT payload ->> 'name' FROM history WHERE channel = 'people' ORDER BY id") == [
                ["Paul"], ["Zoë"],
            ]
        )
    }

    @Test func `what came since a time`() throws {
        // An id is a time, so that the primary key finds it.
        let since = Timestamp.ofTests.advanced(by: .seconds(104)).microseconds / 1_000_000
        let rows = try self.plain.rows(
            "SELECT payload FROM history WHERE id >= \(since) * 1000000 ORDER BY id"
        )
        #expect(rows == [[#"{"name":"Zoë"}"#], ["2"]])
        let byText = try self.plain.rows("SELECT payload FROM history WHERE at > '\(time(4))' ORDER BY id")
        #expect(byText == [["2"]])
    }

    @Test func `how large it is`() throws {
        let bytes = try #require(
            try self.plain.integer("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        )
        #expect(bytes >= 4096 * 5)
        #expect(try self.plain.text("SELECT sum(bytes) FROM channel_stats") == "43")
    }

    @Test func `the time is that of the arrival, also where the id runs ahead of it`() async throws {
        self.test.clock.stepTimeOfDay(by: .seconds(-50))
        let id = try await self.test.append(.event("people", "early"), .gap(.disconnected, after: nil)).entries[0].id
        #expect(try self.plain.text("SELECT at FROM history WHERE id = \(id)") == time(-45))
        #expect(try self.plain.text("SELECT at FROM gaps WHERE id = \(id.next)") == time(-45))
    }

    @Test func `bytes that are no text are kept as they are`() async throws {
        try await self.test.append(.event(Notification(channel: "people", payload: Payload([0x61, 0xe4]))))
        let row = try self.plain.rows(
            "SELECT typeof(payload), hex(payload), bytes FROM history ORDER BY id DESC LIMIT 1"
        )
        #expect(row == [["blob", "61E4", "2"]])
    }

    @Test func `the newest events of a channel are found without reading the others`() throws {
        let plan = try self.plain.rows(
            "EXPLAIN QUERY PLAN SELECT at, payload FROM history WHERE channel = 'people' ORDER BY id DESC LIMIT 10"
        ).compactMap(\.last).joined(separator: "\n")
        #expect(plan.contains("event_by_channel"))
        #expect(!plan.contains("SCAN"))
        #expect(!plan.contains("TEMP B-TREE"))
    }
}
