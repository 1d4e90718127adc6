/// What the program leaves behind when it ends because of an error.
struct FailureReport: Equatable {
    let exitCode: Int32

    /// The error as lines for standard error, each of which names the program.
    let text: String

    init(_ error: any Error) {
        self.exitCode = (error as? any ExitCodeProviding)?.exitCode ?? 1
        self.text = "\(error)".split(separator: "\n").map { "pg_eventrelay: \($0)\n" }.joined()
    }
}
