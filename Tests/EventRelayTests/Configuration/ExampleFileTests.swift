import Testing

@testable import EventRelay

struct ExampleFileTests {
    /// In the example, a setting follows its comment mark at once, while a comment has a blank or another mark between.
    private static func lines(_ file: String = "config/pg_eventrelay.toml.example") throws -> [String] {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/")
        let text = try #require(try readTextFile("\(root)/\(file)"))
        return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private static func isSetting(_ line: String) -> Bool {
        line.hasPrefix("#") && line.dropFirst().first?.isLetter == true
    }

    @Test func `the example with all its settings in force is the defaults`() throws {
        let text = try Self.lines().map { Self.isSetting($0) ? String($0.dropFirst()) : $0 }.joined(separator: "\n")
        #expect(try loadConfiguration(files: [etcFile: text]).configuration == RelayConfiguration())

        let keys = try TOMLDocument(parsing: text).entries.map(\.key)
        #expect(keys == ConfigurationKey.all.map(\.name))
    }

    @Test func `the example as it stands sets nothing`() throws {
        #expect(try TOMLDocument(parsing: Self.lines().joined(separator: "\n")).entries.isEmpty)
    }

    @Test func `every setting of the example follows a comment`() throws {
        let lines = try Self.lines()
        for (comment, setting) in zip(lines, lines.dropFirst()) where Self.isSetting(setting) {
            #expect(comment.hasPrefix("# "), "\(setting)")
        }
    }

    @Test func `the table of all settings has each once, in the same order, with its default`() throws {
        let rows = try Self.lines("docs/settings.md").filter { $0.hasPrefix("| `") }
            .map { $0.split(separator: "|").prefix(2).map { $0.filter { $0 != "`" && $0 != " " } } }
        #expect(rows == ConfigurationKey.all.map { [$0.name, $0.defaultText] })
    }
}
