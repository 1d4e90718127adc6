/// One setting: its name, how its value is written, and where the value goes.
struct ConfigurationKey: Sendable {
    /// A way to give the setting on the command line.
    struct Flag: Sendable {
        /// As the person types it, such as `--port`.
        let name: String

        /// What the command line gave, or `nil`.
        let value: @Sendable (ConfigurationFlags) -> String?

        init(_ name: String, _ value: @escaping @Sendable (ConfigurationFlags) -> String?) {
            self.name = name
            self.value = value
        }
    }

    /// As it stands in the TOML file, where upper and lower case are the same.
    let name: String

    /// What the setting is for, in one line of `--help`.
    let summary: String

    /// The default, as a person would write it.
    let defaultText: String

    /// What a right value is. It finishes the sentence "HttpPort must be …".
    let expectation: String

    /// The environment variables that give the setting. A later one wins over an earlier one.
    let variables: [String]

    let flag: Flag?

    /// Whether the value must never be shown.
    let isSecret: Bool

    /// Why the setting has no effect, if it has none in a configuration.
    let reasonIgnored: @Sendable (RelayConfiguration) -> String?

    /// Puts the value into the configuration. False, and nothing done, if it isn't a right one.
    let assign: @Sendable (WrittenValue, inout RelayConfiguration) -> Bool

    init<Value>(
        _ name: String,
        _ property: any WritableKeyPath<RelayConfiguration, Value> & Sendable,
        _ format: ValueFormat<Value>,
        default defaultText: String,
        flag: Flag? = nil,
        summary: String,
        alsoFrom otherVariable: String? = nil,
        isSecret: Bool = false,
        ignored reasonIgnored: @escaping @Sendable (RelayConfiguration) -> String? = { _ in nil }
    ) {
        self.name = name
        self.summary = summary
        self.defaultText = defaultText
        self.expectation = format.expectation
        self.variables = [Self.variablePrefix + name.uppercased()] + (otherVariable.map { [$0] } ?? [])
        self.flag = flag
        self.isSecret = isSecret
        self.reasonIgnored = reasonIgnored
        self.assign = { written, configuration in
            guard let value = format.read(written) else { return false }
            configuration[keyPath: property] = value
            return true
        }
    }
}

extension ConfigurationKey {
    /// What the names of all our environment variables begin with, `DATABASE_URL` aside.
    static let variablePrefix = "ES_"

    /// The key of this name in any case, or `nil`.
    static func named(_ name: String) -> ConfigurationKey? {
        let lowercased = name.lowercased()
        return self.all.first { $0.name.lowercased() == lowercased }
    }
}
