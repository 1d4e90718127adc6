import RelayHTTP
import RelayTestSupport
import Testing

struct UTF8CheckTests {
    private func isText(_ pieces: [[UInt8]]) -> Bool {
        var check = UTF8Check()
        return pieces.allSatisfy { check.accepts($0) } && check.isAtBoundary
    }

    @Test
    func `every character is accepted, in one piece and byte by byte`() {
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value), value < 0x900 || value % 61 == 0 || value >= 0x10FF00 else {
                continue
            }
            let bytes = Array(String(Character(scalar)).utf8)
            #expect(self.isText([bytes]) && self.isText(bytes.map { [$0] }), "\(value)")
        }
    }

    /// The standard library is the judge. All sequences of two bytes, and all of three and four at the limits.
    @Test
    func `it agrees with the standard library on short sequences`() {
        let limits: [UInt8] = [
            0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
            0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
        ]
        var wrong: [[UInt8]] = []
        func compare(_ bytes: [UInt8]) {
            if self.isText([bytes]) != (String(validating: bytes, as: UTF8.self) != nil) { wrong.append(bytes) }
        }
        for first in UInt8.min ... .max {
            compare([first])
            for second in UInt8.min ... .max { compare([first, second]) }
        }
        for first in limits {
            for second in limits {
                for third in limits {
                    compare([first, second, third])
                    for fourth in limits { compare([first, second, third, fourth]) }
                }
            }
        }
        #expect(wrong.isEmpty)
    }

    @Test
    func `a byte that can't be is noticed at once`() {
        for bytes: [UInt8] in [[0xED, 0xA0], [0xF4, 0x90], [0xE0, 0x9F], [0xF0, 0x8F], [0xC1], [0xF5], [0x80]] {
            var check = UTF8Check()
            let (isGoodBefore, isGood) = (check.accepts(bytes.dropLast()), check.accepts(bytes.suffix(1)))
            #expect(isGoodBefore && !isGood)
        }
    }
}
