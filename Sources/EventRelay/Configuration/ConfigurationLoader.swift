/// Makes one configuration of the command line, the environment and the TOML file, in this order of precedence.
struct ConfigurationLoader {
    /// Where a file is looked for when the command line names none. The first that exists is read, and no other.
    /// All places of our own name come before those of the original's.
    static let searchedFiles = ["pg_eventrelay.toml", "pg_eventserv.toml"].flatMap { name in
        ["./config", "/config", "/etc"].map { "\($0)/\(name)" }
    }

    let environment: [String: String]

    /// The text of a file; `nil` if it doesn't exist.
    let readFile: (String) throws -> String?

    /// The configuration and where it came from.
    ///
    /// Every value is checked, also one that another source overrides, and all problems are reported at once.
    func load(
        _ flags: ConfigurationFlags
    ) throws(ConfigurationError) -> (configuration: RelayConfiguration, origin: ConfigurationOrigin) {
        var problems: [ConfigurationProblem] = []
        let file = self.findFile(named: flags.config, &problems)
        let settings =
            (file.map { Self.settings(of: $0, &problems) } ?? [])
            + self.settingsOfEnvironment(&problems)
            + Self.settings(of: flags)

        var configuration = RelayConfiguration()
        for setting in settings where !setting.key.assign(setting.value, &configuration) {
            problems.append(.invalidValue(of: setting))
        }
        if problems.isEmpty { problems = configuration.problems(settings) }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }

        let given = Set(settings.map(\.key.name))
        let ignored = ConfigurationKey.all.compactMap { key in
            let reason = given.contains(key.name) ? key.reasonIgnored(configuration) : nil
            return reason.map { ConfigurationOrigin.IgnoredKey(key: key.name, reason: $0) }
        }
        return (configuration, ConfigurationOrigin(file: file?.path, ignoredKeys: ignored))
    }
}

// MARK: - The file

extension ConfigurationLoader {
    private struct File {
        let path: String
        let text: String
    }

    private func findFile(named name: String?, _ problems: inout [ConfigurationProblem]) -> File? {
        for path in name.map({ [$0] }) ?? Self.searchedFiles {
            do {
                if let text = try self.readFile(path) { return File(path: path, text: text) }
            } catch {
                problems.append(.unreadableFile(path, reason: "\(error)"))
                return nil
            }
        }
        if let name { problems.append(.missingFile(name)) }
        return nil
    }

    private static func settings(
        of file: File,
        _ problems: inout [ConfigurationProblem]
    ) -> [ConfigurationSetting] {
        let document: TOMLDocument
        do {
            document = try TOMLDocument(parsing: file.text)
        } catch {
            problems.append(.invalidTOML(file: file.path, error))
            return []
        }

        var firstLines: [String: Int] = [:]
        var settings: [ConfigurationSetting] = []
        for entry in document.entries {
            guard let key = ConfigurationKey.named(entry.key) else {
                let nearest = nearestName(to: entry.key, among: ConfigurationKey.all.map(\.name))
                problems.append(.unknownKey(entry.key, file: file.path, line: entry.line, nearest: nearest))
                continue
            }
            if let firstLine = firstLines[key.name] {
                problems.append(
                    .repeatedKey(key.name, file: file.path, firstLine: firstLine, line: entry.line)
                )
                continue
            }
            firstLines[key.name] = entry.line
            let source = ConfigurationSource.file(path: file.path, line: entry.line)
            settings.append(ConfigurationSetting(key: key, value: entry.value, source: source))
        }
        return settings
    }
}

// MARK: - The environment and the command line

extension ConfigurationLoader {
    /// A variable that is set to nothing counts as not set.
    ///
    /// An unknown `ES_…` variable is a problem if it looks like a misspelt one. Others with this prefix are somebody
    /// else's: a service called `es` makes Kubernetes set `ES_PORT`, Elasticsearch has `ES_HOME`.
    private func settingsOfEnvironment(_ problems: inout [ConfigurationProblem]) -> [ConfigurationSetting] {
        let given = self.environment.filter { !$0.value.isEmpty }
        let known = ConfigurationKey.all.flatMap(\.variables)
        for name in given.keys.sorted() where name.hasPrefix(ConfigurationKey.variablePrefix) && !known.contains(name) {
            if let nearest = nearestName(to: name, among: known) {
                problems.append(.unknownVariable(name, nearest: nearest))
            }
        }
        return ConfigurationKey.all.flatMap { key in
            key.variables.compactMap { variable in
                given[variable].map {
                    ConfigurationSetting(key: key, value: .text($0), source: .environment(variable: variable))
                }
            }
        }
    }

    private static func settings(of flags: ConfigurationFlags) -> [ConfigurationSetting] {
        ConfigurationKey.all.compactMap { key in
            guard let flag = key.flag, let text = flag.value(flags) else { return nil }
            return ConfigurationSetting(key: key, value: .text(text), source: .commandLine(flag: flag.name))
        }
    }
}
