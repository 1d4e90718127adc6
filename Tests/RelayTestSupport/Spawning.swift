import Glibc

/// Children get neither end, unless `spawn` is given it.
func makePipe() throws -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw CommandFailure(command: "pipe", output: String(cString: strerror(errno))) }
    return (ends[0], ends[1])
}

/// Runs a program to its end, blocking.
/// - Throws: `CommandFailure` unless it exits with 0.
func runToEnd(_ program: String, _ arguments: [String]) throws {
    // In seconds. initdb takes the longest: several seconds on a busy machine.
    let limit = "100"
    let identifier = try spawn(
        "/usr/bin/timeout",
        ["--signal=KILL", limit, program] + arguments,
        environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
        folder: "/"
    )
    var status: Int32 = 0
    guard waitpid(identifier, &status, 0) == identifier, status == 0 else {
        throw CommandFailure(
            command: ([program] + arguments).joined(separator: " "),
            output: "ended with status \(status)"
        )
    }
}

/// Starts a program as a login shell would: with three descriptors, no signal blocked and none ignored. Tests run on
/// threads that block nearly all signals, and hold hundreds of descriptors, among them pipes and connections whose end
/// somebody waits for.
///
/// - Parameters:
///   - input: the descriptor to read from; /dev/null if nil.
///   - output: the descriptor to write to, errors included; /dev/null if nil.
func spawn(
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
    try closeAll(from: 3, &actions)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    // env takes the working directory along and then becomes the program.
    let argv = (["env", "-C", folder, program] + arguments).map { strdup($0) } + [nil]
    let envp = environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for copy in argv + envp { free(copy) } }
    var identifier = pid_t()
    let result = posix_spawn(&identifier, "/usr/bin/env", &actions, &attributes, argv, envp)
    guard result == 0 else { throw CommandFailure(command: program, output: String(cString: strerror(result))) }
    return identifier
}

/// The function is glibc's own (2.34), and hidden from Swift.
private func closeAll(from descriptor: Int32, _ actions: inout posix_spawn_file_actions_t) throws {
    typealias AddCloseFrom = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32
    let name = "posix_spawn_file_actions_addclosefrom_np"
    guard let function = dlsym(nil, name) else { throw CommandFailure(command: name, output: "not in this libc") }
    _ = unsafeBitCast(function, to: AddCloseFrom.self)(&actions, descriptor)
}

package struct CommandFailure: Error, CustomStringConvertible {
    package let command: String
    package let output: String

    package var description: String { "\(self.command): \(self.output)" }
}
