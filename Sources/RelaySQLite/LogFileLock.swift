import Glibc
import RelayCore

/// Keeps a second relay off a log: an exclusive `flock` on a file beside it, held for as long as this value lives. The
/// file also keeps, as text, the log's high water mark, so that a log that is deleted or restored from an older copy
/// beside it gives no id again.
///
/// The database file itself is not locked so, nor ever opened beside SQLite: closing a second descriptor of it would
/// drop SQLite's own POSIX locks (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
/// The lock file stays when the relay ends; without a lock on it, it holds nobody off.
final class LogFileLock: Sendable {
    private let descriptor: Int32
    private let path: String

    /// The mark has always so many digits (2^53 has 16), so that a new one covers the old one: seventeen bytes that lie
    /// within one sector of the disk, which is written whole or not at all.
    private static let digits = 16

    init(logPath: String) throws(RingLogOpenError) {
        let path = logPath + ".lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            throw errno == ENOENT || errno == ENOTDIR
                ? .noFolder(path: logPath, reason: reason) : .notWritable(path: logPath, reason: reason)
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let failure = errno
            close(descriptor)
            // A file system without locks, for example, holds nothing for anybody.
            if failure == EWOULDBLOCK { throw .heldByAnother(path: logPath) }
            throw .notWritable(path: logPath, reason: String(cString: strerror(failure)))
        }
        self.descriptor = descriptor
        self.path = path
    }

    deinit {
        self.unlock()
        close(self.descriptor)
    }

    /// The mark that was kept last: no id above it was given by the log that lay here. Nil where the file has none, or
    /// none that makes sense.
    var highWater: EventID? {
        // One byte more than belongs there, to see whether more is there.
        var bytes = [UInt8](repeating: 0, count: Self.digits + 2)
        let count = pread(self.descriptor, &bytes, bytes.count, 0)
        guard count == Self.digits + 1, bytes[Self.digits] == UInt8(ascii: "\n"),
            let mark = EventID(decimal: String(decoding: bytes.prefix(Self.digits), as: UTF8.self)),
            mark <= EventID.latestPlausible
        else { return nil }
        return mark
    }

    /// Said, and not left to `close`: a process that is being started may hold a copy of the descriptor for a moment.
    func unlock() {
        flock(self.descriptor, LOCK_UN)
    }

    /// Whether the file that is locked is still the one at the path.
    var isInPlace: Bool {
        var (held, found) = (stat(), stat())
        return fstat(self.descriptor, &held) == 0 && stat(self.path, &found) == 0
            && held.st_ino == found.st_ino && held.st_dev == found.st_dev
    }

    /// Puts the mark on disk, before ids up to it are given.
    func keep(_ highWater: EventID) throws {
        let number = String(highWater.rawValue)
        let text = Array((String(repeating: "0", count: max(0, Self.digits - number.utf8.count)) + number + "\n").utf8)
        // What else was in the file, if anything, is cut off; else this changes nothing.
        guard pwrite(self.descriptor, text, text.count, 0) == text.count,
            ftruncate(self.descriptor, off_t(text.count)) == 0, fdatasync(self.descriptor) == 0
        else { throw MarkNotKept(path: self.path, reason: String(cString: strerror(errno))) }
    }
}

/// The high water mark can't be written beside the log.
struct MarkNotKept: Error, CustomStringConvertible {
    let path: String
    let reason: String

    var description: String {
        "the file '\(self.path)' can't be written: \(self.reason). Until it can, only ids already reserved can be given"
    }
}

/// The path without symbolic links, also where the file does not exist yet. A path that leads nowhere stays as it is:
/// opening it says why.
/// - Parameter links: to files that don't exist yet, one leading to the next, at the most.
func resolvingLinks(_ path: String, links: Int = 8) -> String {
    if let file = resolved(path) { return file }
    let (folder, name) = split(path)
    guard let folder = resolved(folder) else { return path }
    guard let target = linkTarget(path), links > 0 else { return folder + "/" + name }
    return resolvingLinks(target.hasPrefix("/") ? target : folder + "/" + target, links: links - 1)
}

private func resolved(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
}

private func linkTarget(_ path: String) -> String? {
    var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = readlink(path, &target, target.count)
    return count < 0 ? nil : String(decoding: target.prefix(count), as: UTF8.self)
}

private func split(_ path: String) -> (folder: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return (".", path) }
    return (slash == path.startIndex ? "/" : String(path[..<slash]), String(path[path.index(after: slash)...]))
}
