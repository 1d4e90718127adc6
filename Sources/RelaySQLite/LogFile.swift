import Glibc
import Synchronization

/// The log's place in the file system: its path, the lock beside it, and how often the file was put back there.
final class LogFile: Sendable {
    /// Without symbolic links.
    let path: String
    private let currentLock: Mutex<LogFileLock>
    private let timesPutBack = Atomic(0)

    init(path: String) throws(RingLogOpenError) {
        // Two names of one file must meet at one lock.
        self.path = resolvingLinks(path)
        self.currentLock = Mutex(try LogFileLock(logPath: self.path))
    }

    var lock: LogFileLock { self.currentLock.withLock { $0 } }

    /// The log is used no more. Connections that are still open don't write.
    func unlock() { self.lock.unlock() }

    /// Grows when another file is in the place, and all connections have to be opened anew.
    var generation: Int { self.timesPutBack.load(ordering: .acquiring) }

    /// Whether any file is there.
    var exists: Bool {
        var status = stat()
        return lstat(self.path, &status) == 0
    }

    var walBytes: Int64 {
        var status = stat()
        return stat(self.path + "-wal", &status) == 0 ? Int64(status.st_size) : 0
    }

    /// Puts a copy of the log in its place again, from which the file was deleted or moved away while it was open.
    /// - Parameters:
    ///   - write: makes the copy at the path that it is given.
    ///   - open: opens it once it is in place. Who asks for the `generation` afterwards is to open it, too.
    /// - Throws: when any of that fails, or another file has taken the place meanwhile. Nothing is there then that was
    ///   not there before.
    func putBack<Opened>(
        write: (_ path: String) throws -> Void,
        open: (_ path: String) throws -> Opened
    ) throws -> Opened {
        // The lock file was deleted too, perhaps. Who holds the new one owns the place.
        let mark = self.lock.highWater
        if !self.lock.isInPlace {
            let lock = try LogFileLock(logPath: self.path)
            if let mark { try lock.keep(mark) }
            self.currentLock.withLock { $0 = lock }
        }
        let copy = self.path + ".new"
        unlink(copy)
        defer { unlink(copy) }
        try write(copy)
        // Those that are there belong to the file that is gone, and would be taken for the copy's own.
        unlink(self.path + "-wal")
        unlink(self.path + "-shm")
        // Unlike a renaming it fails where a file is.
        guard link(copy, self.path) == 0 else {
            throw LogNotPutBack(path: self.path, reason: String(cString: strerror(errno)))
        }
        do {
            let opened = try open(self.path)
            self.timesPutBack.add(1, ordering: .releasing)
            return opened
        } catch {
            unlink(self.path)
            throw error
        }
    }
}

/// A connection to the log's file and what was made of it, opened anew after the file was put back. Used from one
/// thread.
final class FileBound<Value> {
    private let file: LogFile
    private let open: (_ path: String) throws -> Value
    private var opened: (value: Value, generation: Int)

    init(_ file: LogFile, open: @escaping (_ path: String) throws -> Value) throws {
        self.file = file
        self.open = open
        self.opened = (try open(file.path), file.generation)
    }

    func current() throws -> Value {
        let generation = self.file.generation
        if generation != self.opened.generation { self.opened = (try self.open(self.file.path), generation) }
        return self.opened.value
    }
}

/// The log's file is gone, and could not be written again.
struct LogNotPutBack: Error, CustomStringConvertible {
    let path: String
    let reason: String

    var description: String { "the log '\(self.path)' was deleted, and can't be put back: \(self.reason)" }
}
