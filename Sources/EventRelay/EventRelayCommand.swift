import ArgumentParser
import FoundationEssentials
import Glibc

/// The program. What it does is in its subcommands; without one it serves.
@main
struct EventRelayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pg_eventrelay",
        abstract: "Delivers PostgreSQL notifications to WebSocket clients, and what they missed while away.",
        discussion: """
            Every setting can also be given in the environment or in the TOML file: --log-path as ES_LOGPATH or as \
            LogPath, and so on; --database-url also as DATABASE_URL. The command line overrides the environment, and \
            the environment overrides the file.
            """,
        version: "pg_eventrelay \(Version.current)",
        subcommands: [Serve.self, Health.self, SQLCommand.self],
        defaultSubcommand: Serve.self
    )

    /// Here for `--help` without a subcommand. Values go on to the same group of the subcommand.
    @OptionGroup var flags: ConfigurationFlags
}

/// Serves until it is told to stop.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Serve until stopped by SIGTERM or SIGINT.")

    @OptionGroup var flags: ConfigurationFlags

    func run() async throws {
        try await withConfiguration(of: self.flags) { configuration, origin in
            try await Application.run(configuration: configuration, origin: origin)
        }
    }
}

/// Runs `body` with the configuration that the command line, the environment and the file make. An error is told on
/// standard error, and becomes the exit code.
func withConfiguration(
    of flags: ConfigurationFlags,
    _ body: (RelayConfiguration, ConfigurationOrigin) async throws -> Void
) async throws {
    do {
        let loader = ConfigurationLoader(
            environment: ProcessInfo.processInfo.environment,
            readFile: readTextFile
        )
        let (configuration, origin) = try loader.load(flags)
        try await body(configuration, origin)
    } catch {
        let report = FailureReport(error)
        report.text.withCString { _ = write(STDERR_FILENO, $0, strlen($0)) }
        throw ExitCode(report.exitCode)
    }
}
