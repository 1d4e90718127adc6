import Foundation
import RelayCore
import RelaySQLite
import RelayTestSupport
import Testing

/// What may lie at the log's path, and what the relay says about it.
struct RingLogOpeningTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        self.folder = try TemporaryFolder()
        self.path = self.folder.file("log.db")
    }

    private func open(_ path: String? = nil) throws -> RingLog {
        try RingLog.open(path: path ?? self.path, retention: .roomy, clock: ManualClock().serverClock)
    }

    private func write(_ bytes: some Sequence<UInt8>) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: self.path))
    }

    private var bytes: Data {
        get throws { try Data(contentsOf: URL(fileURLWithPath: self.path)) }
    }

    /// Expects that the file is refused, with a sentence that names it, and left as it was.
    private func expectRefusal(_ error: RingLogOpenError) throws {
        let before = try self.bytes
        #expect(throws: error) { try self.open() }
        #expect(error.description.contains("'\(self.path)'"))
        #expect(try self.bytes == before, "the file was changed")
        for suffix in ["-wal", "-journal"] {
            #expect(!FileManager.default.fileExists(atPath: self.path + suffix))
        }
    }

    // MARK: - Files that are taken

    @Test func `where there is no file a log is made`() throws {
        #expect(try self.open().identity.isNew)
    }

    @Test func `an empty file is a new log`() throws {
        try self.write([])
        #expect(try self.open().identity.isNew)
    }

    @Test func `a path with anything in it is a path and no more`() throws {
        let path = self.folder.file("größe ?mode=ro&x='%41;--.db")
        #expect(try self.open(path).identity.isNew)
        #expect(FileManager.default.fileExists(atPath: path))
    }

    // MARK: - Files that are something else

    @Test(
        arguments: [
            Array("hello".utf8), Array("SQLite format 3".utf8), Array(repeating: 0, count: 4096),
            Array(String(repeating: "This is a diary. ", count: 1_000).utf8),
        ]
    )
    func `a file that is not SQLite is refused and left as it is`(content: [UInt8]) throws {
        try self.write(content)
        try self.expectRefusal(.notADatabase(path: self.path))
    }

    @Test(arguments: [0, 0x4d54_464e])
    func `another program's database is refused and left as it is`(applicationID: Int64) throws {
        try PlainSQLite(self.path).execute(
            "PRAGMA application_id = \(applicationID); CREATE TABLE event (id INTEGER PRIMARY KEY, payload TEXT)"
        )
        try self.expectRefusal(.foreignDatabase(path: self.path, applicationID: applicationID))
    }

    @Test func `another program's database is refused even while it has no tables`() throws {
        try PlainSQLite(self.path).execute("PRAGMA application_id = 1297368654; PRAGMA user_version = 1")
        try self.expectRefusal(.foreignDatabase(path: self.path, applicationID: 1_297_368_654))
    }

    @Test func `a log of a newer program is refused and left as it is`() async throws {
        try await self.open().close()
        try PlainSQLite(self.path).execute("PRAGMA user_version = 99")
        try self.expectRefusal(.newerSchema(path: self.path, version: 99, known: 2))
        #expect(RingLogOpenError.newerSchema(path: "x", version: 99, known: 2).description.contains("99"))
    }

    @Test func `a log that lost its end is refused as damaged and left as it is`() async throws {
        try await self.open().close()
        try self.write(self.bytes.prefix(4096 * 2))
        let before = try self.bytes
        let error = #expect(throws: RingLogOpenError.self) { try self.open() }
        guard case .damaged(self.path, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.description.contains("'\(self.path)'") == true)
        #expect(try self.bytes == before)
    }

    private static let numbers = [
        "UPDATE meta SET high_water = #", "UPDATE meta SET begins_after = #", "UPDATE meta SET forgotten_through = #",
        "INSERT INTO channel (id, name) VALUES (9, 'x'); INSERT INTO event VALUES (#, 9, 0, 0, '')",
        "INSERT INTO gap VALUES (#, NULL, 0, 0, 'disconnected')",
        "INSERT INTO channel (name, evicted_through) VALUES ('x', #)",
    ]

    @Test(arguments: Self.numbers, [.max, 1 << 53, 1 << 52 + 1] as [Int64])
    func `a log with a number that no clock can have given is refused as damaged`(
        sql: String,
        number: Int64
    )
        async throws
    {
        try await self.open().close()
        let shell = try PlainSQLite(self.path)
        try shell.execute(sql.replacing("#", with: "\(number)"))
        let mark = try String(contentsOfFile: self.path + ".lock", encoding: .utf8)
        let error = #expect(throws: RingLogOpenError.self) { try self.open() }
        guard case .damaged(self.path, let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("\(number)"))
        #expect(try String(contentsOfFile: self.path + ".lock", encoding: .utf8) == mark, "nor is it kept elsewhere")
    }

    @Test func `a log with a number below 0 is refused as damaged`() async throws {
        try await self.open().close()
        try PlainSQLite(self.path).execute("UPDATE meta SET begins_after = -1")
        let error = #expect(throws: RingLogOpenError.self) { try self.open() }
        guard case .damaged(self.path, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(arguments: Self.numbers)
    func `the greatest number that a clock can have given is taken, and ids go on above it`(sql: String) async throws {
        try await self.open().close()
        try PlainSQLite(self.path).execute(sql.replacing("#", with: "\(Int64(1) << 52)"))
        let log = try self.open()
        let outcome = try await log.append([.event("a", "1")], expecting: log.identity.last)
        guard case .appended(let batch) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(log.identity.last.rawValue == 1 << 52 && batch.last > log.identity.last)
        try await log.close()
    }

    // MARK: - One relay a log

    @Test func `a log that another relay holds is refused until that one lets go`() async throws {
        var first: RingLog? = try self.open()
        #expect(first != nil)
        #expect(throws: RingLogOpenError.heldByAnother(path: self.path)) { try self.open() }
        #expect(RingLogOpenError.heldByAnother(path: self.path).description.contains("'\(self.path)'"))
        try await first?.close()
        first = nil
        #expect(try !self.open().identity.isNew)
    }

    @Test func `a lock file that was left behind holds nobody off`() throws {
        try Data().write(to: URL(fileURLWithPath: self.path + ".lock"))
        #expect(try self.open().identity.isNew)
    }

    @Test func `two names of one file are one log`() throws {
        let first = try self.open()
        let link = self.folder.file("link.db")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: self.path)
        #expect(throws: RingLogOpenError.heldByAnother(path: self.path)) { try self.open(link) }
        let folderLink = self.folder.file("folder")
        try FileManager.default.createSymbolicLink(atPath: folderLink, withDestinationPath: self.folder.path)
        #expect(throws: RingLogOpenError.heldByAnother(path: self.path)) { try self.open(folderLink + "/log.db") }
        #expect(first.identity.isNew)
    }

    @Test func `a link to a file that is not there yet is a new log where it points to`() throws {
        let link = self.folder.file("link.db")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: self.path)
        let first = try self.open(link)
        #expect(first.identity.isNew)
        #expect(throws: RingLogOpenError.self) { try self.open() }
    }

    // MARK: - Places that can't be written

    @Test func `a folder that does not exist is named`() throws {
        try self.expectNoFolder(self.folder.file("missing/log.db"))
        #expect(!FileManager.default.fileExists(atPath: self.folder.file("missing")))
    }

    @Test func `a path below a file is named`() throws {
        try self.write(Array("a file".utf8))
        try self.expectNoFolder(self.path + "/log.db")
        #expect(try self.bytes == Data("a file".utf8))
    }

    private func expectNoFolder(_ path: String) throws {
        let error = #expect(throws: RingLogOpenError.self) { try self.open(path) }
        guard case .noFolder(path, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.description.contains("'\(path)'") == true)
    }

    @Test func `a path that is a folder can't be written`() throws {
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: false)
        self.expectNotWritable(self.path)
    }

    /// Nobody makes files in /sys, not even root.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/sys/kernel"), "needs Linux's /sys"))
    func `a folder in which no file can be made is named`() {
        self.expectNotWritable("/sys/kernel/log.db")
    }

    @Test(.enabled(if: geteuid() != 0, "root may write everything"))
    func `a read-only folder is named`() throws {
        try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: self.folder.path)
        defer { try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: self.folder.path) }
        self.expectNotWritable(self.path)
    }

    @Test(.enabled(if: geteuid() != 0, "root may write everything"))
    func `a read-only file is named`() async throws {
        try await self.open().close()
        try FileManager.default.setAttributes([.posixPermissions: 0o444], ofItemAtPath: self.path)
        self.expectNotWritable(self.path)
    }

    private func expectNotWritable(_ path: String) {
        let error = #expect(throws: RingLogOpenError.self) { try self.open(path) }
        guard case .notWritable(path, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.description.contains("'\(path)'") == true)
    }
}
