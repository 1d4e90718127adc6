/// Whether bytes that come piece by piece are UTF-8, known at the first byte that can't be (RFC 3629, section 4).
package struct UTF8Check {
    /// Bytes that still belong to the character begun, and what the next of them may be.
    private var missing = 0
    private var range = Self.continuation

    private static let continuation: ClosedRange<UInt8> = 0x80...0xBF

    package init() {}

    /// No character is begun and not ended.
    package var isAtBoundary: Bool { self.missing == 0 }

    /// Takes the next bytes; false if the text can't be UTF-8 any more.
    package mutating func accepts(_ bytes: some Sequence<UInt8>) -> Bool {
        for byte in bytes {
            if self.missing > 0 {
                guard self.range.contains(byte) else { return false }
                self.missing -= 1
                self.range = Self.continuation
            } else if byte >= 0x80 {
                guard self.begins(with: byte) else { return false }
            }
        }
        return true
    }

    /// The second byte's range keeps out what is longer than need be, surrogates, and what lies beyond U+10FFFF.
    private mutating func begins(with byte: UInt8) -> Bool {
        switch byte {
        case 0xC2...0xDF: (self.missing, self.range) = (1, Self.continuation)
        case 0xE0: (self.missing, self.range) = (2, 0xA0...0xBF)
        case 0xED: (self.missing, self.range) = (2, 0x80...0x9F)
        case 0xE1...0xEF: (self.missing, self.range) = (2, Self.continuation)
        case 0xF0: (self.missing, self.range) = (3, 0x90...0xBF)
        case 0xF1...0xF3: (self.missing, self.range) = (3, Self.continuation)
        case 0xF4: (self.missing, self.range) = (3, 0x80...0x8F)
        default: return false
        }
        return true
    }
}
