import RelayHTTP
import Testing

struct IPAddressTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
        ("::", "::"), ("::1", "::1"), ("2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"), ("fe80::1", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"), ("::ffff:c000:201", "192.0.2.1"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ])
    func `an address in any form has one text`(text: String, shown: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == shown)
        #expect(IPAddress(shown) == address)
    }

    @Test(arguments: [
        "", " ", "localhost", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "0x1.2.3.4", "1.2.3.4 ", " 1.2.3.4",
        "1.2.3.4\0", "1.2.3.4\0.5", "::1\0", ":::", "1::2::3", "[::1]", "fe80::1%eth0", "::1/128", "1.2.3.4:80",
        "12345::", "٣.1.1.1", String(repeating: "0", count: 46),
    ])
    func `what is no address is none`(text: String) {
        #expect(IPAddress(text) == nil)
    }
}
