import Glibc

/// A shell that waits for the end of a pipe, which this value holds open, and then runs its script.
final class Caretaker: Sendable {
    private let holding: Int32
    private let shell: ChildProcess

    /// - Parameter script: reads the pipe to its end before it does anything final.
    init(script: String, readsOutput: Bool = false) throws {
        let (reading, writing) = try makePipe()
        defer { close(reading) }
        self.holding = writing
        self.shell = try ChildProcess(
            "/bin/sh",
            ["-c", script],
            input: reading,
            readsOutput: readsOutput,
            outlivesTests: true
        )
    }

    /// What the script's programs write, if asked for.
    var lines: Inbox<String> { self.shell.lines }

    deinit {
        close(self.holding)
    }
}
