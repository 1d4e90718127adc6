import Glibc

/// The process's descriptors: how many there are and may be.
package enum Descriptors {
    /// At the most; it may be changed from outside at any time.
    package static var limit: Int {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return Int(clamping: limit.rlim_cur)
    }

    /// As far as the limit lets it. A limit that was lowered leaves those beyond it open.
    /// - Returns: nil where the system doesn't tell.
    package static func countOpen() -> Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        let limit = self.limit
        var count = 0
        while let entry = readdir(folder) {
            let number = withUnsafeBytes(of: &entry.pointee.d_name) { name in
                Int(String(decoding: name.prefix { $0 != 0 }, as: UTF8.self))
            }
            if let number, number < limit { count += 1 }
        }
        // One is the folder's own.
        return count - 1
    }

    /// Whether more than so many are left, as far as can be told at once: the lowest free number is no upper bound where
    /// there are holes, but zero is always noticed.
    static func areMoreLeft(than count: Int) -> Bool {
        // Cheaper than to open a file, where the standard error is not closed.
        var lowest = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)
        if lowest < 0 { lowest = open("/dev/null", O_RDONLY | O_CLOEXEC) }
        guard lowest >= 0 else { return false }
        close(lowest)
        return self.limit - Int(lowest) > count
    }
}
