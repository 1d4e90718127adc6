import RelayTestSupport
import Testing

@testable import EventRelay

/// The same inputs in each run; what fails is shown.
struct ConfigurationRandomInputTests {
    private static let fragments = [
        "HttpPort", "Channels", "DbConnection", "a", "é", "😀", " ", "\t", "\n", "\r\n", "\r", "\0", "\u{0B}", "\u{85}",
        "\u{2028}", "\u{FEFF}", "\u{7F}", "=", " = ", ".", ",", "#", "\"", "'", "\"\"\"", "'''", "\\", "\\n", "\\u0000",
        "\\uD800", "\\U0010FFFF", "[", "]", "[[", "]]", "{", "}", "0", "1", "-", "+", "_", "0x", "0b1", "1e9", "1.5",
        "nan", "true", "1979-05-27", "07:32:00Z", "99999999999999999999", "9223372036854775807", "ms", "h", "GiB",
        "http://", "://", "/", "..", ":", "*", "@",
    ]

    private static func randomText(_ random: inout SeededGenerator) -> String {
        (0..<Int.random(in: 0...14, using: &random)).map { _ in fragments.randomElement(using: &random) ?? "" }.joined()
    }

    @Test func `no text of a file makes the reader fail but with an error that names a line of it`() {
        var random = SeededGenerator(seed: 2)
        for _ in 0..<20_000 {
            let text = Self.randomText(&random)
            let lines = 1...(text.unicodeScalars.count { $0 == "\n" } + 1)
            do throws(TOMLSyntaxError) {
                let entries = try TOMLDocument(parsing: text).entries
                #expect(entries.allSatisfy { lines.contains($0.line) }, "\(text.debugDescription)")
            } catch {
                #expect(lines.contains(error.line), "\(text.debugDescription)")
            }
        }
    }

    @Test func `no value makes a key fail but with false`() {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<4_000 {
            let text = Self.randomText(&random)
            let values: [WrittenValue] = [
                .text(text), .word(text), .list([text]), .integer(Int64.random(in: .min ... .max, using: &random)),
            ]
            for key in ConfigurationKey.all {
                for value in values {
                    var configuration = RelayConfiguration()
                    let isRight = key.assign(value, &configuration)
                    #expect(isRight || configuration == RelayConfiguration(), "\(key.name) \(value)")
                }
            }
        }
    }

    @Test func `every text is read from a file as it was written`() throws {
        var random = SeededGenerator(seed: 4)
        for _ in 0..<5_000 {
            let text = Self.randomText(&random)
            let escaped = text.unicodeScalars.map { scalar in
                let digits = String(scalar.value, radix: 16)
                return "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
            }
            let entries = try TOMLDocument(parsing: "key = \"\(escaped.joined())\"").entries
            #expect(entries.map(\.value) == [.text(text)])
        }
    }
}
