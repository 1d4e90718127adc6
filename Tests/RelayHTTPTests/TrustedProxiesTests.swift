import NIOHTTP1
import Testing

@testable import RelayHTTP

struct TrustedProxiesTests {
    /// Who connects is 10.0.0.1, unless another is named.
    private func client(
        _ lines: [String],
        _ header: String = "X-Forwarded-For",
        from peer: String = "10.0.0.1",
        trusting entries: [String] = ["10.0.0.0/8", "2001:db8:ffff::/48"]
    ) throws -> String {
        let headers = HTTPHeaders(lines.map { (header, $0) })
        let proxies = try #require(TrustedProxies(entries: entries))
        return proxies.caller(of: headers, from: ClientAddress(ipAddress: peer)).address.description
    }

    @Test(
        arguments: [
            ([], "10.0.0.1"), (["192.0.2.1"], "192.0.2.1"), (["192.0.2.1:4711"], "192.0.2.1"),
            (["2001:db8::1"], "2001:db8::1"), (["[2001:db8::1]"], "2001:db8::1"),
            (["[2001:db8::1]:4711"], "2001:db8::1"), ([" \t192.0.2.1 "], "192.0.2.1"),
            // What stands left of the first that is no proxy is its own word.
            (["203.0.113.9, 192.0.2.1"], "192.0.2.1"), (["203.0.113.9", "192.0.2.1"], "192.0.2.1"),
            // Past proxies that are trusted too.
            (["192.0.2.1, 10.0.0.2"], "192.0.2.1"), (["203.0.113.9, 192.0.2.1, 10.0.0.2, 10.0.0.3"], "192.0.2.1"),
            (["192.0.2.1", "2001:db8:ffff::7", "::ffff:10.0.0.3"], "192.0.2.1"),
            (["10.0.0.9"], "10.0.0.9"), (["10.0.0.9, 10.0.0.8"], "10.0.0.9"),
            // The last good one, where something can't be understood.
            (["192.0.2.1, nonsense"], "10.0.0.1"), (["192.0.2.1, unknown, 10.0.0.2"], "10.0.0.2"),
            (["192.0.2.1, _hidden"], "10.0.0.1"), (["nonsense, 192.0.2.1"], "192.0.2.1"),
            (["192.0.2.1:port"], "10.0.0.1"), (["192.0.2.1:123456"], "10.0.0.1"), (["192.0.2.1:"], "10.0.0.1"),
            (["[192.0.2.1]"], "10.0.0.1"), (["[2001:db8::1"], "10.0.0.1"), (["2001:db8::1]"], "10.0.0.1"),
            (["[2001:db8::1]4711"], "10.0.0.1"), (["\"192.0.2.1\""], "10.0.0.1"),
            (["192.0.2.1 203.0.113.9"], "10.0.0.1"),
            (["192.0.2.1;"], "10.0.0.1"), (["192.0.2.256"], "10.0.0.1"), (["fe80::1%eth0"], "10.0.0.1"),
            // Empty elements are passed over.
            (["", "192.0.2.1,", ""], "192.0.2.1"), ([",,192.0.2.1, ,"], "192.0.2.1"), ([","], "10.0.0.1"),
        ] as [([String], String)]
    )
    func `X-Forwarded-For is read from the right`(lines: [String], client: String) throws {
        #expect(try self.client(lines) == client)
    }

    @Test(
        arguments: [
            (["for=192.0.2.1"], "192.0.2.1"), (["For=192.0.2.1;proto=https;by=10.0.0.1"], "192.0.2.1"),
            (["proto=https; FOR=192.0.2.1 ;by=10.0.0.1"], "192.0.2.1"), (["for=\"192.0.2.1:4711\""], "192.0.2.1"),
            (["for=\"[2001:db8::1]\""], "2001:db8::1"), (["for=\"[2001:db8::1]:4711\""], "2001:db8::1"),
            (["for=\"[2001:db8::1]:_port\""], "2001:db8::1"),
            (["for=203.0.113.9, for=192.0.2.1"], "192.0.2.1"), (["for=203.0.113.9", "for=192.0.2.1"], "192.0.2.1"),
            (["for=192.0.2.1, for=10.0.0.2;by=\"a,b;c\""], "192.0.2.1"),
            (["for=192.0.2.1, for=\"10.0.0.2\";by=\"a\\\",b\""], "192.0.2.1"),
            (["for=192.0.2.1, for=\"10.0.0.2\";by=\"a\\\\\""], "192.0.2.1"),
            // What can't be understood.
            (["for=192.0.2.1, for=unknown"], "10.0.0.1"), (["for=192.0.2.1, for=_hidden, for=10.0.0.2"], "10.0.0.2"),
            (["for=192.0.2.1, proto=https"], "10.0.0.1"), (["for=192.0.2.1, nonsense"], "10.0.0.1"),
            (["192.0.2.1"], "10.0.0.1"), (["for=192.0.2.1;for=203.0.113.9"], "10.0.0.1"), (["for="], "10.0.0.1"),
            (["for=\"192.0.2.1"], "10.0.0.1"), (["for=192.0.2.1\""], "10.0.0.1"), (["for=\""], "10.0.0.1"),
            (["for=\"\\192.0.2.1\""], "10.0.0.1"), (["for = 192.0.2.1"], "10.0.0.1"),
            // What the client began must not swallow what the proxy added.
            (["for=\"x, for=192.0.2.1"], "192.0.2.1"), (["for=203.0.113.9;x=\", for=\"192.0.2.1\""], "192.0.2.1"),
            (["x=\"\\", "for=192.0.2.1"], "192.0.2.1"), (["x=\"\\, for=\"192.0.2.1\";by=\"b\""], "192.0.2.1"),
        ] as [([String], String)]
    )
    func `Forwarded is read from the right, with quotes`(lines: [String], client: String) throws {
        #expect(try self.client(lines, "Forwarded") == client)
    }

    @Test(arguments: ["X-Forwarded-For", "Forwarded"])
    func `headers of anyone else are not looked at`(header: String) throws {
        let lines = ["192.0.2.1", "for=192.0.2.1"]
        for peer in ["203.0.113.9", "2001:db8::9", "11.0.0.1"] {
            #expect(try self.client(lines, header, from: peer) == peer)
        }
        #expect(try self.client(lines, header, trusting: []) == "10.0.0.1")
        #expect(try self.client(lines, header, from: "nonsense") == "unknown")
    }

    @Test(
        arguments: [
            ("192.0.2.1", "for=192.0.2.1", "192.0.2.1"), ("192.0.2.1, 10.0.0.2", "for=192.0.2.1", "192.0.2.1"),
            ("192.0.2.1", "for=203.0.113.9", "10.0.0.1"), ("203.0.113.9", "for=192.0.2.1", "10.0.0.1"),
            ("192.0.2.1", "for=\"", "10.0.0.1"), ("", "for=192.0.2.1", "10.0.0.1"),
        ]
    )
    func `where both headers come they count if they agree`(
        forwardedFor: String,
        forwarded: String,
        client: String
    ) throws {
        let proxies = try #require(TrustedProxies(entries: ["10.0.0.1", "10.0.0.2"]))
        let headers: HTTPHeaders = ["X-Forwarded-For": forwardedFor, "Forwarded": forwarded]
        #expect(proxies.caller(of: headers, from: ClientAddress(ipAddress: "10.0.0.1")).address.description == client)
    }

    @Test(
        arguments: [
            ("loopback", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"], ["128.0.0.1", "::2", "10.0.0.1"]),
            (
                "Private", ["10.1.1.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00::1", "fc00::1"],
                [
                    "172.32.0.1", "172.15.255.255", "192.169.0.1", "100.64.0.1", "169.254.0.1", "127.0.0.1", "fe80::1",
                    "::1",
                ]
            ),
        ]
    )
    func `two words stand for what they are commonly taken for`(
        word: String,
        inside: [String],
        outside: [String]
    ) throws {
        let proxies = try #require(TrustedProxies(entries: [word]))
        for address in inside { #expect(proxies.trusts(try #require(IPAddress(address))), "\(address)") }
        for address in outside { #expect(!proxies.trusts(try #require(IPAddress(address))), "\(address)") }
    }

    @Test(arguments: ["", "*", "all", "proxy.example", "10.0.0.0/8 ", "10.1.0.0/8", "loopback/8"])
    func `other entries are none`(entry: String) {
        #expect(TrustedProxies(entries: ["loopback", entry]) == nil)
    }
}
