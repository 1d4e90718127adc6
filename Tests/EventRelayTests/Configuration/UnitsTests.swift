import RelayTestSupport
import Testing

@testable import EventRelay

struct UnitsTests {
    @Test(
        arguments: [
            ("0", .zero), ("0s", .zero), ("500ms", .milliseconds(500)), ("90s", .seconds(90)), ("5m", .seconds(300)),
            ("1h", .seconds(3_600)), ("7d", .seconds(604_800)), ("1d12h", .seconds(129_600)),
            ("1h0m0s", .seconds(3_600)),
            (" 1h ", .seconds(3_600)), ("90 s", .seconds(90)),
            ("", nil), ("h", nil), ("1", nil), ("1x", nil), ("1H", nil), ("-1h", nil), ("+1h", nil), ("1.5h", nil),
            ("1h 0", nil), ("1hh", nil), ("9223372036854775807d", nil), ("99999999999999999999s", nil),
            ("9223372036854775807ms1ms", nil), ("١h", nil),
        ] as [(String, Duration?)]
    )
    func `durations`(text: String, duration: Duration?) {
        #expect(Duration(written: text) == duration)
    }

    @Test(
        arguments: [
            ("0", 0), ("1000000", 1_000_000), ("12B", 12), ("10MB", 10_000_000), ("64MiB", 67_108_864),
            ("1GiB", 1 << 30),
            ("1gib", 1 << 30), ("2 KiB", 2_048), ("3kb", 3_000), ("1TB", 1_000_000_000_000), ("1TiB", 1 << 40),
            ("5GB", 5_000_000_000), (" 7 ", 7),
            ("", nil), ("MiB", nil), ("64M", nil), ("-1", nil), ("1.5GiB", nil), ("1GiB2MiB", nil), ("1_000", nil),
            ("9223372036854775807KiB", nil), ("9223372036854775808", nil),
        ] as [(String, Int64?)]
    )
    func `sizes`(text: String, bytes: Int64?) {
        #expect(Int64(bytesWritten: text) == bytes)
    }

    @Test func `a duration of several parts is their sum`() {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<1_000 {
            let parts = (0..<Int.random(in: 1...5, using: &random)).map { _ in
                let unit = ["ms", "s", "m", "h", "d"].randomElement(using: &random) ?? "s"
                return "\(Int.random(in: 0...999, using: &random))\(unit)"
            }
            let text = parts.joined()
            let sum = parts.compactMap { Duration(written: $0) }.reduce(.zero, +)
            #expect(Duration(written: text) == sum, "\(text)")
        }
    }
}
