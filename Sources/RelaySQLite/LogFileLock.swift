import Glibc

/// Keeps a second relay off a log: an exclusive `flock` on a file beside it, held for as long as this value lives.
///
/// The database file itself is not locked so, nor ever opened beside SQLite: closing a second descriptor of it would
/// drop SQLite's own POSIX locks (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
/// The lock file stays when the relay ends; an empty file without a lock on it means nothing.
final class LogFileLock: Sendable {
    private let descriptor: Int32

    init(logPath: String) throws(RingLogOpenError) {
        let descriptor = open(logPath + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            throw errno == ENOENT || errno == ENOTDIR
                ? .noFolder(path: logPath, reason: reason) : .notWritable(path: logPath, reason: reason)
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .heldByAnother(path: logPath)
        }
        self.descriptor = descriptor
    }

    deinit {
        close(self.descriptor)
    }
}

/// The path without symbolic links; of a file that does not exist yet, its folder's with the name. A path that leads
/// nowhere stays as it is: opening it says why.
func resolvingLinks(_ path: String) -> String {
    func resolved(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
    if let file = resolved(path) { return file }
    guard let slash = path.lastIndex(of: "/") else { return path }
    let folder = path[..<slash].isEmpty ? "/" : String(path[..<slash])
    return resolved(folder).map { $0 + path[slash...] } ?? path
}
