/// The name of a PostgreSQL NOTIFY channel: 1 to 63 bytes of UTF-8 without NUL, case-sensitive.
package struct ChannelName: Hashable, Sendable {
    package let text: String

    /// PostgreSQL cuts longer identifiers silently (`NAMEDATALEN - 1`), so they are refused instead.
    package static let maximumBytes = 63

    /// - Throws: `InvalidChannelName`, whose description says what to change.
    package init(_ text: String) throws(InvalidChannelName) {
        if text.isEmpty { throw .empty }
        if text.utf8.contains(0) { throw .containsNUL }
        if text.utf8.count > Self.maximumBytes { throw .tooLong(bytes: text.utf8.count) }
        self.text = text
    }
}

package enum InvalidChannelName: Error, Equatable {
    case empty
    case containsNUL
    case tooLong(bytes: Int)
}

extension InvalidChannelName: CustomStringConvertible {
    package var description: String {
        switch self {
        case .empty:
            "the channel name is empty: give one after /listen/ or /history/"
        case .containsNUL:
            "the channel name contains a NUL character, which PostgreSQL does not allow in a name: leave it out"
        case .tooLong(let bytes):
            "the channel name has \(bytes) bytes in UTF-8, PostgreSQL keeps \(ChannelName.maximumBytes): use a shorter one"
        }
    }
}

extension ChannelName {
    // Names are equal when their bytes are, as in PostgreSQL. Swift's String takes "é" and "e" with a combining accent
    // for the same.
    package static func == (left: ChannelName, right: ChannelName) -> Bool {
        left.withBytes { left in right.withBytes { left.elementsEqual($0) } }
    }

    package func hash(into hasher: inout Hasher) {
        self.withBytes { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }

    private func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        // Every String of Swift's own has its bytes in one piece.
        self.text.utf8.withContiguousStorageIfAvailable(body) ?? Array(self.text.utf8).withUnsafeBufferPointer(body)
    }
}

extension ChannelName: Comparable {
    /// By bytes, as SQLite does. Strings that are not equal here may be neither less nor greater to Swift.
    package static func < (left: ChannelName, right: ChannelName) -> Bool {
        left.withBytes { left in right.withBytes { left.lexicographicallyPrecedes($0) } }
    }
}

extension ChannelName: CustomStringConvertible {
    package var description: String { self.text }
}
