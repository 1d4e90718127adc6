import ArgumentParser

@testable import EventRelay

/// Loads a configuration from nothing but what is given here.
func loadConfiguration(
    _ arguments: [String] = [],
    environment: [String: String] = [:],
    files: [String: String] = [:]
) throws -> (configuration: RelayConfiguration, origin: ConfigurationOrigin) {
    try ConfigurationLoader(environment: environment) { files[$0] }.load(ConfigurationFlags.parse(arguments))
}

/// The sentences that loading fails with; none if it doesn't fail.
func configurationProblems(
    _ arguments: [String] = [],
    environment: [String: String] = [:],
    files: [String: String] = [:]
) throws -> [String] {
    do {
        _ = try loadConfiguration(arguments, environment: environment, files: files)
        return []
    } catch let error as ConfigurationError {
        return error.problems.map(\.description)
    }
}

/// Where tests put a configuration file that is found without being named.
let etcFile = "/etc/pg_eventrelay.toml"
