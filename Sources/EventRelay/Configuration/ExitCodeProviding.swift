/// An error that decides the exit code of the program. Any other error makes it 1.
protocol ExitCodeProviding: Error {
    var exitCode: Int32 { get }
}
