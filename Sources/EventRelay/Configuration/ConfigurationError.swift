/// All that is wrong with the configuration, a sentence each.
struct ConfigurationError: Error, Equatable, CustomStringConvertible, ExitCodeProviding {
    let problems: [ConfigurationProblem]

    var description: String { self.problems.map(\.description).joined(separator: "\n") }

    /// `EX_CONFIG` of sysexits(3).
    var exitCode: Int32 { 78 }
}

/// One thing that is wrong with the configuration. The sentence never holds the value of a secret.
enum ConfigurationProblem: Sendable, Equatable, CustomStringConvertible {
    /// `shown` is the value as the sentence may show it.
    case invalidValue(key: String, expectation: String, shown: String, source: ConfigurationSource, remark: String?)
    case unknownKey(String, file: String, line: Int, nearest: String?)
    case unknownVariable(String, nearest: String?)
    case repeatedKey(String, file: String, firstLine: Int, line: Int)
    case missingFile(String)
    case unreadableFile(String, reason: String)
    case invalidTOML(file: String, TOMLSyntaxError)
    /// It doesn't go with what others are set to, or not set to.
    case contradiction(key: String, source: ConfigurationSource, reason: String)

    var description: String {
        switch self {
        case .invalidValue(let key, let expectation, let shown, let source, let remark):
            "\(key) must be \(expectation), but is \(shown) \(source).\(remark.map { " \($0)" } ?? "")"
        case .unknownKey(let name, let file, let line, let nearest):
            "Unknown setting '\(name.excerpt)' in \(file), line \(line).\(Self.question(nearest))"
        case .unknownVariable(let name, let nearest):
            "The environment variable \(name.excerpt) matches no setting.\(Self.question(nearest))"
        case .repeatedKey(let key, let file, let firstLine, let line):
            "\(key) is given twice in \(file), in lines \(firstLine) and \(line)."
        case .missingFile(let path):
            "The configuration file '\(path)' does not exist."
        case .unreadableFile(let path, let reason):
            "The configuration file '\(path)' can't be read: \(reason)."
        case .invalidTOML(let file, let error):
            "\(file) is not valid TOML: \(error)."
        case .contradiction(let key, let source, let reason):
            "\(key), given \(source), \(reason)."
        }
    }

    private static func question(_ nearest: String?) -> String {
        nearest.map { " Did you mean \($0)?" } ?? ""
    }
}

extension ConfigurationProblem {
    /// - Returns: nil where nobody has given the key.
    static func contradiction(
        _ key: String,
        _ settings: [ConfigurationSetting],
        _ reason: String
    ) -> ConfigurationProblem? {
        settings.last { $0.key.name == key }.map { .contradiction(key: key, source: $0.source, reason: reason) }
    }

    static func invalidValue(of setting: ConfigurationSetting) -> ConfigurationProblem {
        .invalidValue(
            key: setting.key.name,
            expectation: setting.key.expectation,
            shown: setting.key.isSecret ? "something else (not shown, it may hold a password)" : setting.value.shown,
            source: setting.source,
            remark: setting.value.remark
        )
    }
}
