import RelayHTTP
import Testing

struct ClientAddressTests {
    @Test
    func `a host's IPv6 network is one client, and each IPv4 address`() {
        func network(_ text: String) -> ClientAddress.Network { ClientAddress(ipAddress: text).network }
        #expect(network("2001:db8::1") == network("2001:db8::ffff:1"))
        #expect(network("2001:db8::1") != network("2001:db8:0:1::1"))
        #expect(network("::ffff:192.0.2.1") == network("192.0.2.1"))
        #expect(network("192.0.2.1") != network("192.0.2.2"))
        // The same bits, but not the same kind.
        #expect(network("0.0.0.0") != network("::"))
        #expect(ClientAddress(ipAddress: nil).network == network("nonsense"))
        #expect(ClientAddress(ipAddress: nil).network != network("::"))
        #expect(
            "\(ClientAddress(ipAddress: "2001:db8::ffff:1")) \(ClientAddress(ipAddress: nil))"
                == "2001:db8::ffff:1 unknown"
        )
    }
}
