import Foundation

/// The documents about metrics, as far as a test can hold them against the program.
enum MetricsDocument {
    private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4)
        .joined(separator: "/")

    static func text(_ name: String) throws -> String {
        try String(contentsOfFile: "\(self.root)/docs/\(name)", encoding: .utf8)
    }

    /// The first column of the tables in docs/metrics.md.
    static func names() throws -> [String] {
        try self.text("metrics.md").split(separator: "\n").compactMap { line in
            line.firstMatch(of: /^\| `((pg_eventrelay|process)_\w+)`/).map { String($0.1) }
        }
    }
}
