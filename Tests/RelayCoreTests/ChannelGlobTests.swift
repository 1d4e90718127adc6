import RelayCore
import RelayTestSupport
import Testing

struct ChannelGlobTests {
    @Test(
        arguments: [
            ("*", "a", true), ("*", "a.b", true), ("**", "a", true),
            ("people", "people", true), ("people", "People", false), ("people", "people2", false),
            ("people", "peopl", false),
            ("a*", "a", true), ("a*", "abc", true), ("a*", "ba", false),
            ("*a", "ba", true), ("*a", "ab", false), ("*a*", "bab", true),
            ("a?c", "abc", true), ("a?c", "ac", false), ("a?c", "abbc", false), ("?", "é", true), ("?", "🐘", true),
            ("??", "🐘", false), ("a?", "a", false),
            ("a*b*c", "aXbYc", true), ("a*b*c", "aXcYb", false), ("*ab", "aab", true), ("*a?b", "aaab", true),
            ("", "a", false), ("a.b", "axb", false), ("[a]", "a", false), ("\\*", "*", false), ("\\*", "\\x", true),
            ("e\u{301}", "é", false),
        ] as [(String, ChannelName, Bool)]
    )
    func `a pattern matches whole names`(pattern: String, name: ChannelName, matches: Bool) {
        #expect(ChannelGlob(pattern).matches(name) == matches)
    }

    @Test func `it agrees with a plain recursive matcher on all small patterns and names`() throws {
        func all(of letters: [String], upTo length: Int) -> [String] {
            var all = [""]
            var longest = [""]
            for _ in 0..<length {
                longest = longest.flatMap { text in letters.map { text + $0 } }
                all += longest
            }
            return all
        }
        let names = all(of: ["a", "b"], upTo: 5).dropFirst()
        for pattern in all(of: ["a", "b", "*", "?"], upTo: 5) {
            let glob = ChannelGlob(pattern)
            for name in names {
                let expected = plainMatch(Array(pattern.unicodeScalars)[...], Array(name.unicodeScalars)[...])
                try #require(glob.matches(ChannelName(name)) == expected, "\(pattern) on \(name)")
            }
        }
    }

    @Test(arguments: SeededGenerator.seeds(fixed: 4, new: 4))
    func `it agrees with a plain recursive matcher on random ones`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<3_000 {
            let name = (0..<Int.random(in: 1...14, using: &random)).map { _ in
                ["a", "é", "b"].randomElement(using: &random)!
            }
            let pattern = (0..<Int.random(in: 0...9, using: &random)).map { _ in
                ["a", "é", "b", "*", "*", "?"].randomElement(using: &random)!
            }
            let (nameText, patternText) = (name.joined(), pattern.joined())
            let expected = plainMatch(Array(patternText.unicodeScalars)[...], Array(nameText.unicodeScalars)[...])
            let found = try ChannelGlob(patternText).matches(ChannelName(nameText))
            try #require(found == expected, "\(patternText) on \(nameText)")
        }
    }

    @Test func `a name that almost matches many wildcards is refused quickly`() {
        let glob = ChannelGlob(String(repeating: "*a", count: 31) + "b")
        #expect(!glob.matches(ChannelName(stringLiteral: String(repeating: "a", count: 63))))
    }

    @Test(
        arguments: [
            ("people", "people"), ("a.b", "a.b"), ("*", nil), ("a?", nil), ("", nil),
            (String(repeating: "x", count: 64), nil),
        ] as [(String, ChannelName?)]
    )
    func `a pattern without wildcards names one channel`(pattern: String, literal: ChannelName?) {
        #expect(ChannelGlob(pattern).literal == literal)
    }
}

/// What a glob means, word for word.
private func plainMatch(_ pattern: ArraySlice<Unicode.Scalar>, _ name: ArraySlice<Unicode.Scalar>) -> Bool {
    guard let first = pattern.first else { return name.isEmpty }
    let rest = pattern.dropFirst()
    switch first {
    case "*": return plainMatch(rest, name) || !name.isEmpty && plainMatch(pattern, name.dropFirst())
    case "?": return !name.isEmpty && plainMatch(rest, name.dropFirst())
    default: return name.first == first && plainMatch(rest, name.dropFirst())
    }
}
