package import NIOCore
import RelayCore

/// Writes JSON text into memory that its owner has made large enough.
///
/// One bounds check for each piece, and none of a growing buffer's bookkeeping: messages are encoded a million times a
/// second in a replay.
struct JSONWriter {
    private let memory: UnsafeMutableRawBufferPointer
    /// Bytes written so far.
    private(set) var count = 0

    init(_ memory: UnsafeMutableRawBufferPointer) {
        self.memory = memory
    }

    /// The most bytes that a string of `count` bytes takes: each may become `\u001f`, and there are the quotes.
    static func maximumBytes(ofString count: Int) -> Int { 6 * count + 2 }

    /// The most bytes that a number takes.
    static let maximumBytesOfNumber = 20

    /// The next `count` bytes, to be filled by the caller.
    private mutating func take(_ count: Int) -> UnsafeMutableRawBufferPointer {
        let end = self.count + count
        precondition(end <= self.memory.count, "JSON longer than its bound")
        let taken = UnsafeMutableRawBufferPointer(rebasing: self.memory[self.count..<end])
        self.count = end
        return taken
    }

    mutating func write(_ text: StaticString) {
        self.take(text.utf8CodeUnitCount).copyMemory(
            from: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        )
    }

    mutating func write(_ byte: UInt8) {
        precondition(self.count < self.memory.count, "JSON longer than its bound")
        self.memory[self.count] = byte
        self.count += 1
    }

    mutating func write(_ number: Int64) {
        if number < 0 { self.write(UInt8(ascii: "-")) }
        let magnitude = number.magnitude
        var digits = 1
        var power: UInt64 = 10
        while digits < 19, magnitude >= power {
            digits += 1
            power *= 10
        }
        self.take(digits).writeDigits(of: magnitude, at: 0..<digits)
    }

    /// In RFC 3339, without quotes.
    mutating func write(_ time: Timestamp) {
        time.writeRFC3339(to: self.take(Timestamp.rfc3339Bytes))
    }

    mutating func writeString(_ text: String) {
        var text = text
        text.withUTF8 { self.writeString(UnsafeRawBufferPointer($0)) }
    }

    /// An array of strings.
    mutating func writeStrings(_ texts: [String]) {
        self.write(UInt8(ascii: "["))
        for (index, text) in texts.enumerated() {
            if index > 0 { self.write(UInt8(ascii: ",")) }
            self.writeString(text)
        }
        self.write(UInt8(ascii: "]"))
    }

    static func maximumBytes(ofStrings texts: [String]) -> Int {
        texts.reduce(2) { $0 + 1 + self.maximumBytes(ofString: $1.utf8.count) }
    }

    mutating func writeString(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { self.writeString($0) }
    }

    /// UTF-8 text: quoted; the quote, the backslash and control characters escaped, all else as it is (RFC 8259,
    /// section 7).
    mutating func writeString(_ text: UnsafeRawBufferPointer) {
        self.write(UInt8(ascii: "\""))
        var start = 0
        while start < text.count {
            let plain = UnsafeRawBufferPointer(rebasing: text[start...]).plainPrefix
            self.take(plain).copyMemory(from: UnsafeRawBufferPointer(rebasing: text[start..<start + plain]))
            start += plain
            if start == text.count { break }
            self.writeEscape(of: text[start])
            start += 1
        }
        self.write(UInt8(ascii: "\""))
    }

    private mutating func writeEscape(of byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): self.write(#"\""#)
        case UInt8(ascii: "\\"): self.write(#"\\"#)
        case UInt8(ascii: "\n"): self.write(#"\n"#)
        case UInt8(ascii: "\r"): self.write(#"\r"#)
        case UInt8(ascii: "\t"): self.write(#"\t"#)
        default:
            self.write(#"\u00"#)
            self.write(Self.hexadecimalDigit(byte >> 4))
            self.write(Self.hexadecimalDigit(byte & 0xf))
        }
    }

    private static func hexadecimalDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    /// Base 64 in quotes (RFC 4648, section 4).
    mutating func writeBase64(_ bytes: [UInt8]) {
        self.write(UInt8(ascii: "\""))
        self.writeBase64Digits(of: bytes)
        self.write(UInt8(ascii: "\""))
    }

    /// The same without quotes.
    mutating func writeBase64Digits(of bytes: [UInt8]) {
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for place in 0..<4 {
                let sextet = Int(bits >> UInt32(18 - 6 * place)) & 0x3f
                self.write(place <= group.count ? Self.base64Alphabet[sextet] : UInt8(ascii: "="))
            }
        }
    }

    private static let base64Alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
    )

    static func maximumBytes(ofBase64 count: Int) -> Int { (count + 2) / 3 * 4 + 2 }
}

extension UnsafeRawBufferPointer {
    /// How many bytes from the start need no escape in JSON.
    fileprivate var plainPrefix: Int {
        var index = 0
        // Eight bytes at once. A borrow may mark a plain byte above one that is not plain, never the lowest one marked,
        // so the lowest mark is right.
        while index + 8 <= self.count {
            let word = UInt64(littleEndian: self.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let marks =
                (word.control | (word ^ .all(UInt8(ascii: "\""))).zeros | (word ^ .all(UInt8(ascii: "\\"))).zeros)
            if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < self.count, self[index] >= 0x20, self[index] != UInt8(ascii: "\""),
            self[index] != UInt8(ascii: "\\")
        {
            index += 1
        }
        return index
    }
}

/// Each byte's mark is its highest bit.
extension UInt64 {
    fileprivate static func all(_ byte: UInt8) -> UInt64 { 0x0101_0101_0101_0101 * UInt64(byte) }

    /// Marks bytes that are zero.
    fileprivate var zeros: UInt64 { (self &- .all(0x01)) & ~self & .all(0x80) }

    /// Marks bytes below 0x20.
    fileprivate var control: UInt64 { (self &- .all(0x20)) & ~self & .all(0x80) }
}

extension ByteBuffer {
    /// Lets `write` write up to `maximumBytes` of JSON.
    mutating func writeJSON(maximumBytes: Int, _ write: (inout JSONWriter) -> Void) {
        self.writeWithUnsafeMutableBytes(minimumWritableBytes: maximumBytes) { memory in
            var writer = JSONWriter(memory)
            write(&writer)
            return writer.count
        }
    }

    /// Writes text as a JSON string.
    package mutating func writeJSONString(_ text: String) {
        self.writeJSON(maximumBytes: JSONWriter.maximumBytes(ofString: text.utf8.count)) { $0.writeString(text) }
    }

    /// Writes an array of strings.
    package mutating func writeJSONStrings(_ texts: [String]) {
        self.writeJSON(maximumBytes: JSONWriter.maximumBytes(ofStrings: texts)) { $0.writeStrings(texts) }
    }

    /// Writes an integer in decimal.
    package mutating func writeJSONNumber(_ number: Int64) {
        self.writeJSON(maximumBytes: JSONWriter.maximumBytesOfNumber) { $0.write(number) }
    }

    mutating func writeJSON(time: Timestamp?) {
        if let time { self.writeJSONString("\(time)") } else { self.writeStaticString("null") }
    }

    package mutating func writeJSON(number: Int64?) {
        if let number { self.writeJSONNumber(number) } else { self.writeStaticString("null") }
    }
}
