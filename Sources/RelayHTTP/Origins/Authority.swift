/// A host with an optional port, as it stands in a URL, an `Origin` or a `Host`: in one form, however it was written.
///
/// Names are in ASCII, as browsers send them: what is not has to be written in punycode (`xn--…`). A dot at the end is
/// part of the name, as it is to browsers.
package struct Authority: Hashable, Sendable {
    /// A name in lower case, an IPv4 address, or an IPv6 address in its shortest form, without brackets.
    let host: String
    let port: Int?

    /// Longer than any name that DNS takes, with brackets and port.
    private static let maximumBytes = 300

    package init?(_ text: some StringProtocol) {
        guard text.utf8.count <= Self.maximumBytes else { return nil }
        let text = Substring(text)
        let port: Substring?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let host = text[text.index(after: text.startIndex)..<end]
            guard host.contains(":"), let address = IPAddress(host) else { return nil }
            self.host = address.description
            port = text[end...].count > 1 ? text[end...].dropFirst() : nil
        } else {
            let host = text.prefix { $0 != ":" }
            guard !host.isEmpty, host.utf8.allSatisfy(Self.isOfName) else { return nil }
            self.host = host.lowercased()
            port = host.endIndex < text.endIndex ? text[host.endIndex...] : nil
        }
        guard let port else {
            self.port = nil
            return
        }
        guard port.hasPrefix(":"), let number = Self.port(port.dropFirst()) else { return nil }
        self.port = number
    }

    /// Decimal, without leading zeros.
    private static func port(_ text: Substring) -> Int? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(text), (1...65_535).contains(number), !text.hasPrefix("0")
        else { return nil }
        return number
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
        default: false
        }
    }
}
