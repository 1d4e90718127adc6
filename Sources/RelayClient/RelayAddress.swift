/// Where a relay is.
package struct RelayAddress: Sendable, Equatable {
    package let isSecure: Bool
    /// An IPv6 address without its brackets.
    package let host: String
    package let port: Int
    /// `/` and something, or nothing; without a slash at its end.
    package let basePath: String

    /// Longer ones the relay refuses (docs/protocol.md, Errors).
    package static let maximumTargetBytes = 8 << 10

    /// - Parameter url: `http`, `https`, `ws` or `wss`, a host, perhaps a port, perhaps the relay's `BasePath`.
    /// - Throws: with no part of the URL, which may have a password or a token in it.
    package init(_ url: String) throws(InvalidArgument) {
        // Bytes that have no place in a URL could end the request's first line.
        guard url.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw InvalidArgument("the URL has characters that must be percent-encoded")
        }
        let parts = url.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
        switch (parts.first.map { $0.lowercased() }, parts.count) {
        case ("http", 2), ("ws", 2): self.isSecure = false
        case ("https", 2), ("wss", 2): self.isSecure = true
        default: throw InvalidArgument("the URL has to begin with http://, https://, ws:// or wss://")
        }
        let rest = parts[1]
        guard !rest.utf8.contains(where: { "?#@\\".utf8.contains($0) }) else {
            throw InvalidArgument(
                "the URL must be the relay's address and nothing more: no user, query or fragment"
            )
        }
        let end = rest.firstIndex(of: "/") ?? rest.endIndex
        (self.host, self.port) = try Self.split(rest[..<end], defaultPort: self.isSecure ? 443 : 80)
        var path = rest[end...]
        while path.last == "/" { path.removeLast() }
        self.basePath = String(path)
    }

    private static func split(
        _ authority: Substring,
        defaultPort: Int
    ) throws(InvalidArgument) -> (host: String, port: Int) {
        let host: Substring
        let after: Substring
        if authority.first == "[", let end = authority.firstIndex(of: "]") {
            host = authority[authority.index(after: authority.startIndex)..<end]
            after = authority[authority.index(after: end)...]
        } else {
            let end = authority.firstIndex(of: ":") ?? authority.endIndex
            (host, after) = (authority[..<end], authority[end...])
        }
        let port = after.isEmpty || after == ":" ? defaultPort : Int(after.dropFirst())
        guard !host.isEmpty, !host.contains("["), after.isEmpty || after.first == ":", let port,
            (1...65535).contains(port)
        else {
            throw InvalidArgument("the URL must have a host, and a port from 1 to 65535 or none")
        }
        return (String(host), port)
    }

    /// What the header `Host` says.
    package var authority: String {
        let host = self.host.contains(":") ? "[\(self.host)]" : self.host
        return self.port == (self.isSecure ? 443 : 80) ? host : "\(host):\(self.port)"
    }

    /// What to ask for, in enveloped mode.
    package func listenTarget(_ channels: [String], from cursor: Cursor) -> String {
        var parameters = channels.map { Self.parameter(of: $0) }
        parameters.append("last-seen-id=\(cursor.position)")
        // Beside an id only: `latest` claims nothing about any log.
        if case .after = cursor.position, let log = cursor.log { parameters.append("log=\(Self.percentEncoded(log))") }
        return "\(self.basePath)/listen?\(parameters.joined(separator: "&"))"
    }

    private static func parameter(of channel: String) -> String { "channel=\(Self.percentEncoded(channel))" }

    /// How long a target gets by naming a channel.
    package static func bytes(of channel: String) -> Int { self.parameter(of: channel).utf8.count + 1 }

    /// For the names of channels in a target, beside the longest position and name of a log.
    package var roomForChannels: Int {
        let log = String(repeating: "%", count: Cursor.maximumLogBytes)
        let longest = self.listenTarget([], from: Cursor(position: .after(Position.idLimit - 1), log: log))
        return Self.maximumTargetBytes - longest.utf8.count
    }

    /// All but unreserved characters (RFC 3986, section 2.3).
    private static func percentEncoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.append(byte)
            default:
                encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 0xf)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }
}
