import RelayCore
import Testing

struct DecimalDigitsTests {
    private static let numbers: [UInt64] =
        (0...9_999).map { $0 }
        + (4...19).flatMap { (digits: Int) -> [UInt64] in
            let power = (0..<digits).reduce(UInt64(1)) { power, _ in power * 10 }
            return [power - 1, power, power + 1]
        }
        + [UInt64(Int64.max), UInt64(Int64.max) + 1, .max]

    @Test func `the lowest digits of a number are written, and nothing beside their place`() {
        for number in Self.numbers {
            let text = Array(String(number).utf8)
            for digits in 0...20 {
                var memory = [UInt8](repeating: UInt8(ascii: "-"), count: 24)
                memory.withUnsafeMutableBytes { $0.writeDigits(of: number, at: 2..<2 + digits) }
                let padded = [UInt8](repeating: UInt8(ascii: "0"), count: max(0, digits - text.count)) + text
                let expected = [45, 45] + padded.suffix(digits) + [UInt8](repeating: 45, count: 22 - digits)
                if memory != expected { Issue.record("\(number) in \(digits) digits: \(memory)") }
            }
        }
    }
}
