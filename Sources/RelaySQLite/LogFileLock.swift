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
        // Said, and not left to `close`: a process that is being started may hold a copy of the descriptor for a moment.
        flock(self.descriptor, LOCK_UN)
        close(self.descriptor)
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
