/// A script without what only its readers need: lines that are comment, empty lines, and indentation.
///
/// It knows no JavaScript, so the script keeps to this: comments stand on lines of their own, each line of one beginning
/// with `//`, `/*` or `*`, and no text goes over several lines.
enum CompactScript {
    static func compacted(_ script: [UInt8]) -> [UInt8] {
        let lines = script.split(separator: UInt8(ascii: "\n"))
            .map { $0.drop { $0 == UInt8(ascii: " ") } }
            .filter { line in !line.isEmpty && !Self.commentBeginnings.contains { line.starts(with: $0) } }
        return Array(lines.joined(separator: [UInt8(ascii: "\n")]))
    }

    private static let commentBeginnings: [[UInt8]] = ["//", "/*", "*"].map { Array($0.utf8) }
}
