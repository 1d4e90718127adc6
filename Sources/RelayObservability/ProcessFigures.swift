import Glibc

/// What the kernel says of this process, in /proc/self/stat (proc(5)).
struct ProcessFigures: Equatable {
    let cpuSeconds: Double
    let residentBytes: Double
    /// After the system's start.
    let startSeconds: Double

    /// - Parameters:
    ///   - stat: the text of /proc/self/stat.
    ///   - ticks: of the kernel's clock in a second.
    ///   - pageSize: in bytes.
    init?(stat: String, ticks: Double, pageSize: Double) {
        // The second field is the program's name in brackets, in which anything may stand.
        guard let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[end...].split(whereSeparator: \.isWhitespace).dropFirst().map { Double($0) }
        // Counted from the third field on.
        guard fields.count > 21, let user = fields[11], let system = fields[12], let start = fields[19],
            let pages = fields[21]
        else { return nil }
        self.cpuSeconds = (user + system) / ticks
        self.residentBytes = pages * pageSize
        self.startSeconds = start / ticks
    }

    /// Nil where the system doesn't tell.
    static func read() -> ProcessFigures? {
        readFile("/proc/self/stat").flatMap {
            ProcessFigures(
                stat: $0,
                ticks: Double(sysconf(Int32(_SC_CLK_TCK))),
                pageSize: Double(sysconf(Int32(_SC_PAGESIZE)))
            )
        }
    }

    /// When the system started, in seconds since 1970, by its clocks: /proc/stat, which says it too, may be hidden from a
    /// service (`ProcSubset=pid`).
    static func bootTime() -> Double {
        seconds(of: CLOCK_REALTIME) - seconds(of: CLOCK_BOOTTIME)
    }
}

private func seconds(of clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// A file of /proc: short, and there in one read.
private func readFile(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4 << 10)
    var count = 0
    while count < bytes.count {
        let taken = bytes.withUnsafeMutableBytes {
            read(descriptor, $0.baseAddress?.advanced(by: count), $0.count - count)
        }
        if taken <= 0 { break }
        count += taken
    }
    return String(decoding: bytes[..<count], as: UTF8.self)
}
