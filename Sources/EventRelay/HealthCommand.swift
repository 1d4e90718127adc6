import ArgumentParser
import RelayHTTP

/// Asks a relay that runs how it is: for containers, scripts and people without curl.
struct Health: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check the health of the relay that runs with the same settings.",
        discussion: """
            Prints the answer of /health. Exits with 0 if events reach the log, otherwise with 1. Use --alive for \
            anything that restarts an unhealthy program: a restart does not bring PostgreSQL back, and each one \
            leaves a gap.
            """
    )

    @OptionGroup var flags: ConfigurationFlags

    @Flag(help: "Exit with 0 whatever the relay answers, and with 1 only if it doesn't answer.")
    var alive = false

    func run() async throws {
        try await withConfiguration(of: self.flags) { configuration, _ in
            let answer = try await configuration.healthRequest().send()
            print(answer.body, terminator: "")
            if !self.alive && answer.status != 200 { throw NotHealthy(status: answer.status) }
        }
    }
}

extension RelayConfiguration {
    /// To the relay of these settings, on this machine.
    func healthRequest() throws -> HealthRequest {
        if let adminPort {
            guard adminPort != 0 else { throw UnknownPort(setting: "AdminPort", flag: "--admin-port") }
            return HealthRequest(host: Self.address(ofHost: self.adminHost), port: adminPort, basePath: .none)
        }
        guard let httpPort else { throw HealthOverTLSOnly() }
        guard httpPort != 0 else { throw UnknownPort(setting: "HttpPort", flag: "--port") }
        return HealthRequest(host: Self.address(ofHost: self.httpHost), port: httpPort, basePath: self.basePath)
    }

    /// Where a server that listens everywhere is found from here.
    private static func address(ofHost host: String) -> String {
        switch host {
        case "0.0.0.0": "127.0.0.1"
        case "::": "::1"
        default: host
        }
    }
}

/// The relay answers that events don't reach its log. The reason was printed, and is in its log.
struct NotHealthy: Error, CustomStringConvertible {
    let status: Int

    var description: String { "the relay answered \(self.status): events don't reach the log" }
}

/// Where the system picks the port, it is not known to others.
struct UnknownPort: ExitCodeProviding, CustomStringConvertible {
    let exitCode = SystemExitCode.configuration
    let setting: String
    let flag: String

    var description: String {
        "\(self.setting) is 0, so the port is only in the relay's log: pass it with \(self.flag)"
    }
}

/// The question is asked in plain HTTP: whoever asks on this machine knows no name that a certificate could confirm.
struct HealthOverTLSOnly: ExitCodeProviding, CustomStringConvertible {
    let exitCode = SystemExitCode.configuration

    var description: String { "HttpPort is off, but health is checked over plain HTTP: set AdminPort" }
}
