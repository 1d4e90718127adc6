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
    package init(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
        folder: String = "/",
        input: Int32? = nil,
        readsOutput: Bool = false
    ) throws {
        let (reading, writing) = readsOutput ? try makePipe() : (-1, -1)
        defer { if readsOutput { close(writing) } }
        let identifier = try spawn(
            program,
            arguments,
            environment: environment,
            folder: folder,
            input: input,
            output: readsOutput ? writing : nil
        )
        self.identifier = Mutex(identifier)
        startThread { [lines, exits] in
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

/// Both ends are closed in children.
func makePipe() throws -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw CommandFailure(command: "pipe", output: String(cString: strerror(errno))) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
}

/// Runs a program to its end, blocking.
/// - Throws: `CommandFailure` unless it exits with 0.
func runToEnd(_ program: String, _ arguments: [String]) throws {
    let identifier = try spawn(program, arguments, environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"], folder: "/")
    var status: Int32 = 0
    guard waitpid(identifier, &status, 0) == identifier, status == 0 else {
        throw CommandFailure(
            command: ([program] + arguments).joined(separator: " "),
            output: "ended with status \(status)"
        )
    }
}

/// - Parameters:
///   - input: the descriptor to read from; /dev/null if nil.
///   - output: the descriptor to write to, errors included; /dev/null if nil.
private func spawn(
    _ program: String,
    _ arguments: [String],
    environment: [String: String],
    folder: String,
    input: Int32? = nil,
    output: Int32? = nil
) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (descriptor, given) in [(Int32(0), input), (1, output), (2, output)] {
        if let given {
            posix_spawn_file_actions_adddup2(&actions, given, descriptor)
        } else {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
    }
    // env takes the working directory along and then becomes the program.
    let argv = (["env", "-C", folder, program] + arguments).map { strdup($0) } + [nil]
    let envp = environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for copy in argv + envp { free(copy) } }
    var identifier = pid_t()
    let result = posix_spawn(&identifier, "/usr/bin/env", &actions, nil, argv, envp)
    guard result == 0 else { throw CommandFailure(command: program, output: String(cString: strerror(result))) }
    return identifier
}

package struct CommandFailure: Error, CustomStringConvertible {
    package let command: String
    package let output: String

    package var description: String { "\(self.command): \(self.output)" }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        self.hasSuffix(suffix) ? String(self.dropLast(suffix.count)) : self
    }
}
