import Glibc

/// Whom a connection comes from, as far as limits tell clients apart: an IPv4 address, or the 64 bits of an IPv6 address
/// that name a network, as one host commonly has all the rest.
package struct ClientAddress: Hashable, Sendable {
    private let network: [UInt8]
    /// As it was given, for people. Not compared.
    package let text: String

    package static func == (left: ClientAddress, right: ClientAddress) -> Bool { left.network == right.network }

    package func hash(into hasher: inout Hasher) { hasher.combine(self.network) }

    /// - Parameter ipAddress: as text; whatever is none counts as one and the same address.
    package init(ipAddress: String?) {
        let text = ipAddress ?? ""
        self.text = text
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 {
            self.network = Array(bytes[..<4])
        } else if inet_pton(AF_INET6, text, &bytes) == 1 {
            // ::ffff:a.b.c.d is how a socket for both kinds shows an IPv4 address.
            let isIPv4 = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
            self.network = Array(isIPv4 ? bytes[12...] : bytes[..<8])
        } else {
            self.network = []
        }
    }
}
