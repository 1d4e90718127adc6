/// The payload of an event: its bytes exactly as PostgreSQL gave them, and whether they are valid UTF-8 (they always
/// are unless the database's encoding is SQL_ASCII).
package struct Payload: Hashable, Sendable {
    /// Those of events that were read together lie in one piece of memory, which is there as long as any of them.
    package let bytes: ArraySlice<UInt8>
    package let isValidUTF8: Bool

    package init(_ bytes: [UInt8]) {
        self.init(bytes[...], isValidUTF8: (try? UTF8Span(validating: bytes.span)) != nil)
    }

    /// For bytes that were looked at before.
    package init(_ bytes: ArraySlice<UInt8>, isValidUTF8: Bool) {
        self.bytes = bytes
        self.isValidUTF8 = isValidUTF8
    }

    package init(_ text: String) {
        self.init(Array(text.utf8)[...], isValidUTF8: true)
    }

    /// The bytes as text for a reader that must have UTF-8: invalid sequences become U+FFFD.
    package var repaired: ArraySlice<UInt8> {
        self.isValidUTF8 ? self.bytes : Array(String(decoding: self.bytes, as: UTF8.self).utf8)[...]
    }
}
