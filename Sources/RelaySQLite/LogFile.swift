import Glibc
import Synchronization

/// The log's place in the file system: its path, the lock beside it, and how often the file was put back there.
final class LogFile: Sendable {
    /// Without symbolic links.
    let path: String
    private let currentLock: Mutex<LogFileLock>
    private let mode = Atomic<mode_t>(0o644)
    private let timesPutBack = Atomic(0)

    init(path: String) throws(RingLogOpenError) {
        // Two names of one file must meet at one lock.
        self.path = resolvingLinks(path)
        self.currentLock = Mutex(try LogFileLock(logPath: self.path))
        // Of a relay that was killed while it made the copy.
        unlink(self.copyPath)
    }

    private var copyPath: String { self.path + ".putback" }

    var lock: LogFileLock { self.currentLock.withLock { $0 } }

    /// The log is used no more. Connections that are still open don't write.
    func unlock() { self.lock.unlock() }

    /// Locks the place anew if somebody has deleted the lock file: who holds the one that is there owns the place.
    func keepLocked() throws {
        if self.lock.isInPlace { return }
        let lock = try LogFileLock(logPath: self.path)
        if let mark = self.lock.highWater { try lock.keep(mark) }
        syncFolder(of: self.path)
        self.currentLock.withLock { $0 = lock }
    }

    /// Grows when another file is in the place, and all connections have to be opened anew.
    var generation: Int { self.timesPutBack.load(ordering: .acquiring) }

    /// Whether a file is there that holds anything. An empty one is what a shell leaves that looked for the log just now;
    /// it counts for nothing, here as at a start.
    var exists: Bool { status(self.path).map { $0.st_size > 0 || $0.st_mode & S_IFMT != S_IFREG } ?? false }

    var bytes: Int64 { status(self.path).map { Int64($0.st_size) } ?? 0 }

    var walBytes: Int64 { status(self.path + "-wal").map { Int64($0.st_size) } ?? 0 }

    /// Who may read the file: what is put back later shall be for the same.
    func noteMode() {
        if let status = status(self.path) { self.mode.store(status.st_mode & 0o777, ordering: .relaxed) }
    }

    /// Puts a copy of the log in its place again, from which the file was deleted or moved away while it was open.
    /// - Parameters:
    ///   - bytes: that the copy takes.
    ///   - write: makes the copy at the path that it is given.
    ///   - open: opens it once it is in place. Who asks for the `generation` afterwards is to open it, too.
    /// - Throws: when any of that fails, or another file has taken the place meanwhile. Nothing is there then that was
    ///   not there before.
    func putBack<Opened>(
        bytes: Int64,
        write: (_ path: String) throws -> Void,
        open: (_ path: String) throws -> Opened
    ) throws -> Opened {
        // The space of the deleted file is not free as long as it is open.
        guard bytes < freeBytes(at: self.path) else {
            throw LogNotPutBack(path: self.path, reason: "it takes \(bytes) bytes, and the disk has too little room")
        }
        let copy = self.copyPath
        unlink(copy)
        defer { unlink(copy) }
        try write(copy)
        chmod(copy, self.mode.load(ordering: .relaxed))
        guard !self.exists else { throw LogNotPutBack(path: self.path, reason: "another file is there") }
        // Those that are there belong to the file that is gone, and would be taken for the copy's own.
        unlink(self.path + "-wal")
        unlink(self.path + "-shm")
        if let status = status(self.path), status.st_size == 0 { unlink(self.path) }
        // Unlike a renaming it fails where a file is.
        guard link(copy, self.path) == 0 else {
            throw LogNotPutBack(path: self.path, reason: String(cString: strerror(errno)))
        }
        syncFolder(of: self.path)
        do {
            let opened = try open(self.path)
            self.timesPutBack.add(1, ordering: .releasing)
            return opened
        } catch {
            if status(self.path)?.st_ino == status(copy)?.st_ino { unlink(self.path) }
            throw error
        }
    }
}

private func status(_ path: String) -> stat? {
    var status = stat()
    return lstat(path, &status) == 0 ? status : nil
}

private func folder(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
}

/// For this user, on the disk that a file is on.
private func freeBytes(at path: String) -> Int64 {
    var status = statvfs()
    guard statvfs(folder(of: path), &status) == 0 else { return .max }
    return Int64(
        clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue
    )
}

/// So that a power cut does not undo that a file was put there. Where it can't be done, a lost file is a lost log, which
/// is nothing new.
private func syncFolder(of path: String) {
    let descriptor = open(folder(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor < 0 { return }
    fsync(descriptor)
    close(descriptor)
}

/// The log's file is gone, and could not be written again.
struct LogNotPutBack: Error, CustomStringConvertible {
    let path: String
    let reason: String

    var description: String { "the log '\(self.path)' was deleted, and can't be put back: \(self.reason)" }
}
