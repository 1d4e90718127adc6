package import NIOHTTP1

/// The proxies that are the operator's own (`TrustedProxies`), and what follows from what they say.
///
/// Anyone can send `Forwarded` or `X-Forwarded-For`. What a proxy adds stands at their right end; so they are read from
/// there, for as long as the one who wrote a part is trusted. The first address that is no trusted proxy is the client,
/// and what stands to its left is what the client says about itself.
package struct TrustedProxies: Sendable, Equatable {
    private let ranges: [AddressRange]

    package static let none = TrustedProxies(ranges: [])

    private init(ranges: [AddressRange]) {
        self.ranges = ranges
    }

    /// - Parameter entries: addresses, ranges, `loopback` or `private`.
    package init?(entries: [String]) {
        var ranges: [AddressRange] = []
        for entry in entries {
            let named = Self.ranges(named: entry.lowercased())
            guard let added = named ?? AddressRange(entry).map({ [$0] }) else { return nil }
            ranges += added
        }
        self.init(ranges: ranges)
    }

    private static func ranges(named name: String) -> [AddressRange]? {
        switch name {
        case "loopback": ["127.0.0.0/8", "::1"].compactMap { AddressRange($0) }
        // RFC 1918, RFC 4193.
        case "private": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"].compactMap { AddressRange($0) }
        default: nil
        }
    }

    package func trusts(_ address: IPAddress) -> Bool {
        self.ranges.contains { $0.contains(address) }
    }

    /// - Parameter peer: the other end of the connection.
    package func caller(of headers: HTTPHeaders, from peer: ClientAddress) -> Caller {
        guard !self.ranges.isEmpty, let address = peer.ipAddress, self.trusts(address) else {
            return Caller(address: peer, isBehindTrustedProxy: false)
        }
        let forwarded = ForwardedHops(forwarded: headers["Forwarded"])
        let forwardedFor = ForwardedHops(forwardedFor: headers["X-Forwarded-For"])
        var client = self.client(address, forwarded ?? forwardedFor)
        // A proxy that writes one of them lets the other pass, and clients may have written it. Which is which is not
        // known where both are there and differ: then neither counts.
        if forwarded != nil, forwardedFor != nil, self.client(address, forwardedFor) != client { client = address }
        return Caller(address: ClientAddress(client), isBehindTrustedProxy: true)
    }

    /// Goes from hop to hop as long as they are trusted. A hop without an address ends it: the last one that has an
    /// address is taken.
    private func client(_ peer: IPAddress, _ hops: ForwardedHops?) -> IPAddress {
        guard var hops else { return peer }
        var client = peer
        while let hop = hops.next() {
            guard case .address(let address) = hop else { break }
            client = address
            if !self.trusts(address) { break }
        }
        return client
    }
}

/// Whom a request comes from.
package struct Caller: Sendable, Equatable {
    /// The client, as far as trusted proxies tell.
    package let address: ClientAddress
    /// The connection is a trusted proxy's: what its headers say of the host that was asked is believed too.
    package let isBehindTrustedProxy: Bool
}
