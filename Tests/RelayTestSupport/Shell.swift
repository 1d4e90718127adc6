/// Lines for a shell, such as those that make keys.
package enum Shell {
    /// - Throws: `CommandFailed`, unless it ends with 0.
    /// - Returns: what it wrote to both outputs.
    @discardableResult
    package static func run(_ command: String, in folder: TemporaryFolder) async throws -> [String] {
        let process = try ChildProcess("/bin/sh", ["-c", command], folder: folder.path, readsOutput: true)
        let status = try await process.exitStatus()
        let output = process.lines.takeAll()
        guard status == 0 else { throw CommandFailed(command: command, status: status, output: output) }
        return output
    }
}

package struct CommandFailed: Error {
    package let command: String
    package let status: Int32
    package let output: [String]
}
