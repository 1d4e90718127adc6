import Foundation
import RelayCore
import RelaySQLite
import RelayTestSupport

/// A log through many starts, ends and accidents. Each life has files of its own: a copy of what the life before left,
/// or of what was made of it meanwhile.
///
/// A power cut leaves the `.db` file, a beginning of the write-ahead log and the lock file. SQLite syncs the write-ahead
/// log where the mark is renewed, and before anything is moved from there into the file: so a reader keeps a snapshot
/// from the start of each life on, nothing is moved, and a cut may fall anywhere behind the commit that renewed the mark.
final class RingLogLives {
    private var engine: RingLogEngine
    private var test: LogUnderTest?
    private var reader: PlainSQLite?
    /// Bytes of the write-ahead log that were synced.
    private var synced = 0
    /// Older states of the `.db` file.
    private var copies: [Data] = []
    private let clock = ManualClock()
    /// The newest id that anyone was given.
    private(set) var newest = EventID.zero
    /// How many were given.
    private(set) var count = 0

    /// Ids that did not grow, with what happened before: none is the proof.
    private(set) var violations: [String] = []
    private(set) var story: [String] = []

    enum Step: CaseIterable {
        case append, tick, wait
        case restart, kill, powerCut
        case stepBack, stepAhead
        case delete, restore, loseLockFile
    }

    /// Of the write-ahead log: its header, and a frame's; a frame holds a page.
    private static let walHeader = 32
    private static let frame = 24 + 4096

    init() throws {
        self.engine = try RingLogEngine()
    }

    func take(_ step: Step, _ random: inout SeededGenerator) async throws {
        self.story.append("\(step)")
        switch step {
        case .append: try await self.append(Int.random(in: 1...5, using: &random))
        case .tick: try await self.tick()
        case .wait: self.clock.advance(by: .milliseconds(Int.random(in: 0...15_000, using: &random)))
        case .restart: try await self.stop()
        case .kill: try self.kill(keeping: .max)
        case .powerCut: try self.kill(keeping: self.cut(&random))
        case .stepBack: try await self.restart { self.clock.stepTimeOfDay(by: .seconds(-3600)) }
        case .stepAhead: try await self.restart { self.clock.stepTimeOfDay(by: .seconds(24 * 3600)) }
        case .delete: try await self.end(&random) { try self.move { nil } }
        case .restore:
            let copy = self.copies.randomElement(using: &random)
            try await self.end(&random) { try self.move { copy } }
        case .loseLockFile:
            // A tick puts the mark into both files; where the log itself is lost too before that, nothing helps.
            try await self.tick()
            try await self.end(&random) {
                try FileManager.default.removeItem(atPath: self.engine.path + ".lock")
            }
            try await self.start()
        }
    }

    // MARK: - Living

    private func start() async throws {
        guard self.test == nil else { return }
        let test = try await LogUnderTest(self.engine, clock: self.clock)
        self.test = test
        self.check(test.log.identity.last, isGiven: false)
        let reader = try PlainSQLite(self.engine.path)
        while try reader.rows("PRAGMA wal_checkpoint(TRUNCATE)") != [["0", "0", "0"]] {}
        try reader.execute("BEGIN")
        _ = try reader.rows("SELECT * FROM meta")
        self.reader = reader
        self.synced = 0
    }

    private func append(_ count: Int) async throws {
        try await self.start()
        try await self.noticingSync {
            let batch = try await $0.append((0..<count).map { .event("a", "\($0)") })
            for entry in batch.entries { self.check(entry.id, isGiven: true) }
        }
    }

    private func tick() async throws {
        try await self.start()
        try await self.noticingSync { try await $0.log.tick() }
    }

    /// The first commit of a step that renews the mark is the synced one.
    private func noticingSync(_ step: (LogUnderTest) async throws -> Void) async throws {
        guard let test = self.test else { return }
        let (mark, end) = (self.mark, self.walBytes)
        try await step(test)
        if self.mark != mark { self.synced = try self.commit(behind: end) }
    }

    private func check(_ id: EventID, isGiven: Bool) {
        if isGiven ? id <= self.newest : id < self.newest {
            self.violations.append("\(id) after \(self.newest): \(self.story.joined(separator: ", "))")
        }
        self.newest = max(self.newest, id)
        if isGiven { self.count += 1 }
    }

    // MARK: - Ending

    private func stop() async throws {
        try await self.start()
        self.reader = nil
        try await self.test?.log.close()
        self.test = nil
        self.copies.append(try Data(contentsOf: URL(fileURLWithPath: self.engine.path)))
    }

    private func restart(_ meanwhile: () -> Void) async throws {
        try await self.stop()
        meanwhile()
    }

    private func end(_ random: inout SeededGenerator, _ meanwhile: () throws -> Void) async throws {
        if self.test != nil {
            if Bool.random(using: &random) { try self.kill(keeping: self.cut(&random)) } else { try await self.stop() }
        }
        try meanwhile()
    }

    /// - Parameter bytes: of the write-ahead log, that are left.
    private func kill(keeping bytes: Int) throws {
        guard self.test != nil else { return }
        let wal = try Data(contentsOf: URL(fileURLWithPath: self.engine.path + "-wal")).prefix(bytes)
        let old = self.engine
        try self.move { try Data(contentsOf: URL(fileURLWithPath: old.path)) }
        try wal.write(to: URL(fileURLWithPath: self.engine.path + "-wal"))
        self.reader = nil
        self.test = nil
    }

    /// A place behind the newest sync, seldom the end.
    private func cut(_ random: inout SeededGenerator) -> Int {
        Int.random(in: self.synced...max(self.synced, self.walBytes), using: &random)
    }

    /// Goes on in another folder: with the lock file, and a log if there is one.
    private func move(log: () throws -> Data?) throws {
        let next = try RingLogEngine()
        if let log = try log() { try log.write(to: URL(fileURLWithPath: next.path)) }
        if let lock = self.mark { try Data(lock.utf8).write(to: URL(fileURLWithPath: next.path + ".lock")) }
        self.engine = next
    }

    // MARK: - Files

    private var mark: String? { try? String(contentsOfFile: self.engine.path + ".lock", encoding: .utf8) }

    private var walBytes: Int {
        let attributes = try? FileManager.default.attributesOfItem(atPath: self.engine.path + "-wal")
        return (attributes?[.size] as? Int) ?? 0
    }

    /// The end of the first commit that begins at `end`. A frame says in its second word how many pages the file has
    /// when it ends a commit, else 0 (https://www.sqlite.org/fileformat2.html#the_write_ahead_log).
    private func commit(behind end: Int) throws -> Int {
        let wal = try Data(contentsOf: URL(fileURLWithPath: self.engine.path + "-wal"))
        var frame = max(end, Self.walHeader)
        while frame + Self.frame <= wal.count {
            let isCommit = wal[frame + 4..<frame + 8].contains { $0 != 0 }
            frame += Self.frame
            if isCommit { return frame }
        }
        throw LogFailure("the mark was renewed without a commit")
    }
}
