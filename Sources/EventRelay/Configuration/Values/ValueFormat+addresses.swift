import RelayHTTP

extension ValueFormat<String> {
    /// What to listen on. As in the original, IPv6 may stand in brackets and nothing means all addresses.
    static var host: ValueFormat {
        .text("an address or host name to listen on, without a port, such as 0.0.0.0, :: or localhost") { text in
            var host = text.trimmed
            if host.isEmpty { return "0.0.0.0" }
            if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
            let isOneColon = host.utf8.count { $0 == UInt8(ascii: ":") } == 1
            let isHost = !host.isEmpty && host.utf8.allSatisfy { isVisibleASCII($0) && !"/[]@?#".utf8.contains($0) }
            return isHost && !isOneColon ? String(host) : nil
        }
    }

    /// Where clients reach the relay, without a `/` at its end.
    static var webAddress: ValueFormat {
        .text("an http, https, ws or wss URL such as https://events.example.com, or empty") { text in
            if text.trimmed.isEmpty { return "" }
            guard let address = WebAddress(String(text.trimmed)) else { return nil }
            let isOfHost = Origin("\(address.scheme)://\(address.authority)") != nil
            return isOfHost && ["http", "https", "ws", "wss"].contains(address.scheme) ? address.description : nil
        }
    }
}

extension ValueFormat<BasePath> {
    /// A path as it stands in a URL (RFC 3986). Browsers take `.` and `..` out of what they ask for: they never match.
    static var urlPath: ValueFormat {
        .text("a URL path such as /events, with special characters percent-encoded") { text in
            let path = text.trimmed
            let segments = path.split(separator: "/")
            guard path.utf8.allSatisfy({ isVisibleASCII($0) && !"?#\"<>\\^`{|}[]".utf8.contains($0) }),
                !segments.contains("."), !segments.contains("..")
            else { return nil }
            return try? BasePath(String(path))
        }
    }
}

extension ValueFormat<[OriginPattern]> {
    /// An origin is a scheme and a host (RFC 6454), so one with a path would never match a request.
    static var origins: ValueFormat {
        .list("a list of origins such as https://example.com or https://*.example.com, or *", atLeast: 0) {
            OriginPattern($0)
        }
    }
}

extension ValueFormat<TrustedProxies> {
    static var trustedProxies: ValueFormat {
        let entries = ValueFormat<[String]>.list(
            "a list of addresses and networks such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32, loopback or private",
            atLeast: 0
        ) { $0 }
        return ValueFormat(expectation: entries.expectation) { written in
            entries.read(written).flatMap { TrustedProxies(entries: $0) }
        }
    }
}

/// A URL of a scheme, a host with an optional port, and a path without a `/` at its end. No query, no user.
struct WebAddress: CustomStringConvertible {
    let scheme: String
    let authority: String
    let path: String

    var description: String { "\(self.scheme)://\(self.authority)\(self.path)" }

    init?(_ text: String) {
        guard let separator = text.firstRange(of: "://") else { return nil }
        let scheme = text[..<separator.lowerBound]
        let rest = text[separator.upperBound...]
        let authority = rest.prefix { $0 != "/" }
        guard scheme.first?.isLetter == true, scheme.allSatisfy({ $0.isLetter || $0.isNumber || "+-.".contains($0) }),
            !authority.isEmpty, text.utf8.allSatisfy({ isVisibleASCII($0) && !"@?#".utf8.contains($0) })
        else { return nil }
        self.scheme = scheme.lowercased()
        self.authority = authority.lowercased()
        self.path = rest[authority.endIndex...].split(separator: "/").map { "/\($0)" }.joined()
    }
}

private func isVisibleASCII(_ byte: UInt8) -> Bool {
    (0x21...0x7E).contains(byte)
}
