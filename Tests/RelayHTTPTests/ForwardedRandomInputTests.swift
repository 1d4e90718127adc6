import NIOHTTP1
import RelayTestSupport
import Testing

@testable import RelayHTTP

struct ForwardedRandomInputTests {
    private static let fragments = [
        "for=", "For=", "by=", "proto=https", "host=a", ",", ";", "=", "\"", "\\", "\\\"", " ", "\t", "[", "]", ":",
        "4711", "_x", "unknown", "192.0.2.1", "203.0.113.9", "10.0.0.2", "10.0.0.3", "2001:db8::1", "[2001:db8::1]:1",
        "\"[2001:db8::1]\"", "::ffff:10.0.0.2", "é", "\u{7F}", "\u{0}", "%", String(repeating: "1", count: 50),
    ]

    private static func headers(_ random: inout SeededGenerator) -> HTTPHeaders {
        var headers = HTTPHeaders()
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let line = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                self.fragments.randomElement(using: &random) ?? ""
            }
            headers.add(name: Bool.random(using: &random) ? "Forwarded" : "X-Forwarded-For", value: line.joined())
        }
        return headers
    }

    @Test
    func `nobody but a trusted proxy changes an address, whatever the headers are`() throws {
        var random = RandomTests.generator("random forwarded headers")
        let proxies = try #require(TrustedProxies(entries: ["10.0.0.0/8"]))
        for _ in 0..<(20_000 * RandomTests.size) {
            let headers = Self.headers(&random)
            for peer in ["192.0.2.77", "2001:db8::77", "11.0.0.1"] {
                let caller = proxies.caller(of: headers, from: ClientAddress(ipAddress: peer))
                #expect(caller == Caller(address: ClientAddress(ipAddress: peer), isBehindTrustedProxy: false))
            }
            _ = proxies.caller(of: headers, from: ClientAddress(ipAddress: "10.0.0.1"))
        }
    }

    /// The proxy adds to the client's line as nginx and HAProxy do, or a line of its own.
    @Test
    func `whatever a client sends, what its proxy adds decides`() throws {
        var random = RandomTests.generator("random forwarded headers behind a proxy")
        let proxies = try #require(TrustedProxies(entries: ["10.0.0.1"]))
        for _ in 0..<(20_000 * RandomTests.size) {
            let name = Bool.random(using: &random) ? "Forwarded" : "X-Forwarded-For"
            var lines = Self.headers(&random)[name]
            let added = name == "Forwarded" ? #"for="[2001:db8::7]:4711";proto=https"# : "2001:db8::7"
            if let last = lines.popLast(), Bool.random(using: &random) {
                lines.append("\(last), \(added)")
            } else {
                lines.append(added)
            }
            let headers = HTTPHeaders(lines.map { (name, $0) })
            let caller = proxies.caller(of: headers, from: ClientAddress(ipAddress: "10.0.0.1"))
            #expect(caller.address.description == "2001:db8::7", "\(lines)")
        }
    }
}
