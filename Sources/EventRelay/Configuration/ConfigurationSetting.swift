/// A value that somebody gave for a key.
struct ConfigurationSetting: Sendable {
    let key: ConfigurationKey
    let value: WrittenValue
    let source: ConfigurationSource
}

/// Where a setting was given. Described so that "… but is 'abc' <source>." is a sentence.
enum ConfigurationSource: Sendable, Equatable, CustomStringConvertible {
    case file(path: String, line: Int)
    case environment(variable: String)
    case commandLine(flag: String)

    var description: String {
        switch self {
        case .file(let path, let line): "in \(path), line \(line)"
        case .environment(let variable): "in the environment variable \(variable)"
        case .commandLine(let flag): "on the command line (\(flag))"
        }
    }
}
