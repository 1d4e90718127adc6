/// The keys and values of a TOML text (https://toml.io/en/v1.0.0), each with its line.
///
/// Written for a file of settings, and so less than a full reader:
/// - A key within `[table]` is named `table.key`. Values within inline tables are checked for their form and left out.
/// - Decimal numbers, dates and words without quotes are all a ``WrittenValue/word(_:)``. No setting takes one, and
///   "DbConnection must be …" helps more than "could not determine the type of a value".
/// - Whether a key is given twice is for the reader of the entries to find out.
struct TOMLDocument {
    struct Entry: Equatable {
        let key: String
        let value: WrittenValue
        let line: Int
    }

    let entries: [Entry]

    init(parsing text: String) throws(TOMLSyntaxError) {
        var scanner = TOMLScanner(text)
        var entries: [Entry] = []
        var prefix = ""
        while try scanner.skipToNextLineWithContent() {
            if scanner.skip("[") {
                prefix = try scanner.takeTableHeader() + "."
            } else {
                let line = scanner.line
                let key = try scanner.takeKeyAndEqualsSign()
                let value = try scanner.takeValue(endingAt: "")
                entries.append(Entry(key: prefix + key, value: value, line: line))
            }
            try scanner.endLine()
        }
        self.entries = entries
    }
}

/// What is wrong with a TOML text, and in which line. Holds nothing of the text, in which a password may stand.
struct TOMLSyntaxError: Error, Sendable, Equatable, CustomStringConvertible {
    let line: Int
    let problem: String

    var description: String { "\(self.problem) in line \(self.line)" }
}
