package import NIOCore

extension ByteBuffer {
    /// Writes UTF-8 text as a JSON string: quoted; the quote, the backslash and control characters escaped, all else as
    /// it is (RFC 8259, section 7).
    package mutating func writeJSONString(_ text: some Collection<UInt8>) {
        self.writeInteger(UInt8(ascii: "\""))
        let written: Void? = text.withContiguousStorageIfAvailable { self.writeEscaped($0) }
        if written == nil { Array(text).withUnsafeBufferPointer { self.writeEscaped($0) } }
        self.writeInteger(UInt8(ascii: "\""))
    }

    package mutating func writeJSONString(_ text: String) {
        self.writeJSONString(text.utf8)
    }

    /// Copies runs of plain bytes at once: most payloads have few bytes to escape.
    private mutating func writeEscaped(_ bytes: UnsafeBufferPointer<UInt8>) {
        var start = 0
        for index in bytes.indices {
            let byte = bytes[index]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
            self.writeBytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[start..<index]))
            self.writeEscape(of: byte)
            start = index + 1
        }
        self.writeBytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[start...]))
    }

    private mutating func writeEscape(of byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): self.writeStaticString(#"\""#)
        case UInt8(ascii: "\\"): self.writeStaticString(#"\\"#)
        case UInt8(ascii: "\n"): self.writeStaticString(#"\n"#)
        case UInt8(ascii: "\r"): self.writeStaticString(#"\r"#)
        case UInt8(ascii: "\t"): self.writeStaticString(#"\t"#)
        default:
            let hexadecimal = Array("0123456789abcdef".utf8)
            self.writeStaticString(#"\u00"#)
            self.writeInteger(hexadecimal[Int(byte >> 4)])
            self.writeInteger(hexadecimal[Int(byte & 0xf)])
        }
    }

    /// Writes an integer in decimal.
    package mutating func writeJSONNumber(_ number: Int64) {
        self.writeString(String(number))
    }

    package mutating func writeJSON(number: Int64?) {
        if let number { self.writeJSONNumber(number) } else { self.writeStaticString("null") }
    }
}
