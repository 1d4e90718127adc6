import Glibc

/// By what one tells that a file was changed, or another one put in its place. Links are followed, so it also tells that
/// a link leads elsewhere, as where a container's secret is renewed.
struct FileStamp: Equatable, Sendable {
    private let device: UInt
    private let inode: UInt
    private let bytes: Int
    private let modified: Int
    private let changed: Int

    /// - Returns: nil where there is no file.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.device = UInt(status.st_dev)
        self.inode = UInt(status.st_ino)
        self.bytes = Int(status.st_size)
        self.modified = Self.nanoseconds(status.st_mtim)
        self.changed = Self.nanoseconds(status.st_ctim)
    }

    private static func nanoseconds(_ time: timespec) -> Int {
        Int(time.tv_sec) &* 1_000_000_000 &+ Int(time.tv_nsec)
    }
}
