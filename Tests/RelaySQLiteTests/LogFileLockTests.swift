import Foundation
import RelayCore
import RelayTestSupport
import Testing

@testable import RelaySQLite

/// The mark that the lock file keeps.
struct LogFileLockTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        self.folder = try TemporaryFolder()
        self.path = self.folder.file("log.db")
    }

    private func lock(holding text: String) throws -> LogFileLock {
        try Data(text.utf8).write(to: URL(fileURLWithPath: self.path + ".lock"))
        return try LogFileLock(logPath: self.path)
    }

    @Test func `a lock file that was just made has no mark`() throws {
        #expect(try LogFileLock(logPath: self.path).highWater == nil)
    }

    @Test func `the mark kept last is found again, also by the next holder and after a greater one`() throws {
        for mark in [1, 1_795_386_428_746_337, 4_503_599_627_370_496, 17] as [EventID] {
            var lock: LogFileLock? = try LogFileLock(logPath: self.path)
            try lock?.keep(mark)
            #expect(lock?.highWater == mark)
            lock = nil
            #expect(try LogFileLock(logPath: self.path).highWater == mark)
        }
    }

    @Test func `the mark is text, one line`() throws {
        try LogFileLock(logPath: self.path).keep(1_795_386_428_746_337)
        #expect(try String(contentsOfFile: self.path + ".lock", encoding: .utf8) == "1795386428746337\n")
    }

    @Test(
        arguments: [
            "", "\n", "17", "1795386428746337", "17953864287463370\n", "1795386428746337\n1", "-795386428746337\n",
            " 795386428746337\n", "1795386428746337\0", "a lock file's diary\n",
        ]
    )
    func `what is no mark counts as none, and the next mark replaces it`(text: String) throws {
        let lock = try self.lock(holding: text)
        #expect(lock.highWater == nil)
        try lock.keep(5)
        #expect(lock.highWater == 5)
    }

    @Test func `a mark that no clock can have given counts as none`() throws {
        #expect(try self.lock(holding: "4503599627370496\n").highWater == EventID(1 << 52))
        #expect(try self.lock(holding: "4503599627370497\n").highWater == nil)
    }
}
