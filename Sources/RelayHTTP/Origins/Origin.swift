/// Where a page comes from: scheme, host and port (RFC 6454). The default port of `http` and `https` may be written.
package struct Origin: Hashable, Sendable {
    /// In lower case.
    let scheme: String
    let host: String
    /// nil for a scheme without a default port where none is written.
    let port: Int?

    private static let defaultPorts = ["http": 80, "https": 443]

    /// - Parameter text: `scheme://host[:port]` and nothing else; `null` is no origin.
    package init?(_ text: some StringProtocol) {
        guard let (scheme, rest) = Self.split(text), let authority = Authority(rest) else { return nil }
        self.scheme = scheme
        self.host = authority.host
        self.port = authority.port ?? Self.defaultPorts[scheme]
    }

    /// The scheme in lower case, and what stands behind `://`. All of it is ASCII: a mark that combines with the slash
    /// before it would go with that.
    static func split(_ text: some StringProtocol) -> (scheme: String, rest: Substring)? {
        let text = Substring(text)
        guard text.utf8.allSatisfy({ $0 < 0x80 }), let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else {
            return nil
        }
        let scheme = text[..<colon]
        let rest = text[colon...]
        guard rest.utf8.starts(with: "://".utf8), let first = scheme.utf8.first, Self.isLetter(first),
            scheme.utf8.allSatisfy({ Self.isLetter($0) || (0x30...0x39).contains($0) || "+-.".utf8.contains($0) })
        else { return nil }
        return (scheme.lowercased(), rest.dropFirst(3))
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    /// Whether a page of this origin lies at a host, as a request names it in `Host`. That says nothing of the scheme:
    /// without a port it means the default one of either.
    func isAt(_ authority: Authority) -> Bool {
        guard let defaultPort = Self.defaultPorts[self.scheme] else { return false }
        return self.host == authority.host && self.port == authority.port ?? defaultPort
    }
}
