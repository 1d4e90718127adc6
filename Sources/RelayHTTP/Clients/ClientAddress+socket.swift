package import NIOCore

extension ClientAddress {
    /// The other end of a connection. Not by way of text, which would be written and read again for each.
    package init(peer: SocketAddress?) {
        self.init(peer.flatMap { IPAddress($0) })
    }
}

extension IPAddress {
    /// Where the address lies in a `sockaddr_in`, behind family and port, and in a `sockaddr_in6`, behind these and the
    /// flow: the same on all systems.
    private static var ipv4Offset: Int { 4 }
    private static var ipv6Offset: Int { 8 }

    fileprivate init?(_ address: SocketAddress) {
        switch address {
        case .v4:
            self.init(ipv4: UInt32(bigEndian: address.load(at: Self.ipv4Offset)))
        case .v6:
            self.init(ipv6: UInt128(bigEndian: address.load(at: Self.ipv6Offset)))
        case .unixDomainSocket:
            return nil
        }
    }
}

extension SocketAddress {
    fileprivate func load<Value: FixedWidthInteger & BitwiseCopyable>(at offset: Int) -> Value {
        self.withSockAddr { address, _ in
            UnsafeRawPointer(address).loadUnaligned(fromByteOffset: offset, as: Value.self)
        }
    }
}
