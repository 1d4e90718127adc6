import Dispatch
import Glibc
import RelayThreads
import Synchronization

/// A child process, by `posix_spawn`: Foundation's `Process` takes a child for alive as long as any descendant that
/// inherited its descriptors is, and PostgreSQL's server is one.
package final class ChildProcess: Sendable {
    /// What it writes to standard output and error, line by line, if asked for.
    package let lines = Inbox<String>()
    private let exits = Inbox<Int32>()
    private let identifier: Mutex<pid_t?>

    /// - Parameters:
    ///   - environment: all of it; nothing is inherited.
    ///   - input: what it reads; nothing if nil.
    ///   - outlivesTests: whether it goes on when the tests end, however that is. All others are killed then.
    package init(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
        folder: String = "/",
        input: Int32? = nil,
        readsOutput: Bool = false,
        outlivesTests: Bool = false
    ) throws {
        let (reading, writing) = readsOutput ? try makePipe() : (-1, -1)
        defer { if readsOutput { close(writing) } }
        self.identifier = Mutex(nil)
        let spawned = Handover<Result<pid_t, any Error>>()
        // Killed when the thread that started it ends, which is the one that then waits for its end.
        let bound = outlivesTests ? [] : ["/usr/bin/setpriv", "--pdeathsig", "KILL"]
        let command = bound + [program] + arguments
        startThread { [lines, exits] in
            let result = Result {
                try spawn(
                    command[0],
                    Array(command.dropFirst()),
                    environment: environment,
                    folder: folder,
                    input: input,
                    output: readsOutput ? writing : nil
                )
            }
            let identifier = try? result.get()
            self.identifier.withLock { $0 = identifier }
            spawned.give(result)
            guard let identifier else {
                if readsOutput { close(reading) }
                return
            }
            if readsOutput { Self.read(reading, into: lines) }
            lines.finish()
            // The last use of the identifier: `signal` holds the lock that this takes first.
            var status: Int32 = 0
            waitid(P_PID, id_t(identifier), nil, WEXITED | WNOWAIT)
            self.identifier.withLock { identifier in
                waitpid(identifier ?? 0, &status, 0)
                identifier = nil
            }
            let signal = status & 0x7f
            exits.put(signal == 0 ? (status >> 8) & 0xff : 128 + signal)
            exits.finish()
        }
        _ = try spawned.take().get()
    }

    private static func read(_ descriptor: Int32, into lines: Inbox<String>) {
        guard let stream = fdopen(descriptor, "r") else { return }
        defer { fclose(stream) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        while getline(&line, &capacity, stream) >= 0, let line {
            lines.put(String(cString: line).trimmingSuffix("\n"))
        }
        free(line)
    }

    package func signal(_ number: Int32) {
        self.identifier.withLock { identifier in
            if let identifier { kill(identifier, number) }
        }
    }

    /// Waits for the end: the exit status, or 128 and the signal's number, as a shell says it. Once.
    package func exitStatus() async throws -> Int32 {
        try await self.exits.next() ?? -1
    }

    /// Of each file that it writes to, in bytes; nil for no limit. Writing beyond it fails as on a full disk.
    package func limitFiles(to bytes: Int?) throws {
        guard let identifier = self.identifier.withLock({ $0 }) else { return }
        let limit = bytes.map(String.init) ?? "unlimited"
        try runToEnd("/usr/bin/prlimit", ["--pid", "\(identifier)", "--fsize=\(limit):unlimited"])
    }

    /// The process's resident memory in KiB, 0 after its end.
    package var residentKiB: Int {
        let identifier = self.identifier.withLock { $0 } ?? 0
        guard let file = fopen("/proc/\(identifier)/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [UInt8](repeating: 0, count: 256)
        let count = fread(&line, 1, line.count, file)
        let fields = String(decoding: line.prefix(count), as: UTF8.self).split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4 : 0
    }
}

extension ChildProcess {
    /// The descriptors that the process has open, 0 after its end.
    package var descriptors: Int {
        let identifier = self.identifier.withLock { $0 } ?? 0
        guard let folder = opendir("/proc/\(identifier)/fd") else { return 0 }
        defer { closedir(folder) }
        var count = 0
        while let entry = readdir(folder) {
            if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
        }
        return count
    }

    /// How many descriptors it may have open from now on.
    package func limitDescriptors(to count: Int) throws {
        let identifier = self.identifier.withLock { $0 } ?? 0
        try runToEnd("/usr/bin/prlimit", ["--pid", "\(identifier)", "--nofile=\(count)"])
    }
}

/// A value that one thread makes and another waits for, blocking.
private final class Handover<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let isThere = DispatchSemaphore(value: 0)

    func give(_ value: Value) {
        self.value.withLock { $0 = value }
        self.isThere.signal()
    }

    func take() -> Value {
        while true {
            self.isThere.wait()
            if let value = self.value.withLock({ $0.take() }) { return value }
        }
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        self.hasSuffix(suffix) ? String(self.dropLast(suffix.count)) : self
    }
}
