package import NIOHTTP1

/// A request without a body as nearly every client sends its WebSocket handshake: a GET of HTTP/1.1 in plain ASCII, all
/// of it there.
///
/// What is read here, HTTP's parser reads in the same way; whatever is not this plain is left to that one.
package struct HandshakeRequest {
    package let head: HTTPRequestHead
    /// Of its bytes; others may follow.
    package let length: Int

    /// A longer one is left to HTTP's parser, which knows the limits of everything.
    private static let maximumBytes = 8 << 10
    private static let maximumHeaders = 100

    /// - Returns: nil where it is no such request, or not all of it.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        var rest = Rest(bytes: bytes)
        guard bytes.count <= Self.maximumBytes, rest.skip("GET /") else { return nil }
        let target = rest.text { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") }
        guard rest.skip(" HTTP/1.1\r\n") else { return nil }
        var headers: [(String, String)] = []
        headers.reserveCapacity(16)
        while !rest.skip("\r\n") {
            guard headers.count < Self.maximumHeaders, let header = rest.header() else { return nil }
            headers.append(header)
        }
        self.head = HTTPRequestHead(
            version: .http1_1,
            method: .GET,
            uri: "/" + target,
            headers: HTTPHeaders(headers)
        )
        self.length = rest.start
    }

    private struct Rest {
        let bytes: UnsafeRawBufferPointer
        var start = 0

        /// Whether it begins with some text, which is taken then.
        mutating func skip(_ text: StaticString) -> Bool {
            guard self.bytes.count - self.start >= text.utf8CodeUnitCount else { return false }
            for index in 0..<text.utf8CodeUnitCount where self.bytes[self.start + index] != text.utf8Start[index] {
                return false
            }
            self.start += text.utf8CodeUnitCount
            return true
        }

        /// Takes the bytes that fit.
        mutating func text(_ fits: (UInt8) -> Bool) -> String {
            let start = self.start
            while self.start < self.bytes.count, fits(self.bytes[self.start]) { self.start += 1 }
            return String(decoding: UnsafeRawBufferPointer(rebasing: self.bytes[start..<self.start]), as: UTF8.self)
        }

        /// A line of the form `name: value`, but none that announces a body or wants to be asked for it.
        mutating func header() -> (String, String)? {
            let name = self.text { $0.isLetterOrDigit || $0 == UInt8(ascii: "-") }
            guard !name.isEmpty, self.skip(":") else { return nil }
            while self.skip(" ") {}
            let value = self.text { (0x20...0x7E).contains($0) }
            guard let last = value.utf8.last, last != UInt8(ascii: " "), self.skip("\r\n") else { return nil }
            switch name.utf8.count {
            case 6 where name.lowercased() == "expect",
                14 where name.lowercased() == "content-length",
                17 where name.lowercased() == "transfer-encoding":
                return nil
            default:
                return (name, value)
            }
        }
    }
}

extension UInt8 {
    fileprivate var isLetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
