/// The payload of an event: its bytes exactly as PostgreSQL gave them, and whether they are valid UTF-8 (they always
/// are unless the database's encoding is SQL_ASCII).
package struct Payload: Hashable, Sendable {
    package let bytes: [UInt8]
    package let isValidUTF8: Bool

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
        self.isValidUTF8 = (try? UTF8Span(validating: bytes.span)) != nil
    }

    /// For bytes that were looked at before.
    package init(_ bytes: [UInt8], isValidUTF8: Bool) {
        self.bytes = bytes
        self.isValidUTF8 = isValidUTF8
    }

    package init(_ text: String) {
        self.bytes = Array(text.utf8)
        self.isValidUTF8 = true
    }

    /// The bytes as text for a reader that must have UTF-8: invalid sequences become U+FFFD.
    package var repaired: [UInt8] {
        self.isValidUTF8 ? self.bytes : Array(String(decoding: self.bytes, as: UTF8.self).utf8)
    }
}
