/// Whom a request comes from, as far as that is known: the address of the connection, or what a trusted proxy says.
package struct ClientAddress: Hashable, Sendable, CustomStringConvertible {
    /// nil for a connection that has none.
    package let ipAddress: IPAddress?

    package init(_ ipAddress: IPAddress?) {
        self.ipAddress = ipAddress
    }

    /// - Parameter text: an address; whatever is none is nobody's.
    package init(ipAddress text: String?) {
        self.init(text.flatMap { IPAddress($0) })
    }

    /// For the log.
    package var description: String { self.ipAddress?.description ?? "unknown" }

    /// Whom limits take for one client: an IPv4 address, or the 64 bits of an IPv6 address that name a network, as one
    /// host commonly has all the rest. Who has no address shares one.
    package var network: Network {
        Network(first: self.ipAddress.map { $0.isIPv4 ? $0 : $0.prefix(64) })
    }

    package struct Network: Hashable, Sendable {
        fileprivate let first: IPAddress?
    }
}
