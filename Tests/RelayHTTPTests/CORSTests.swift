import NIOHTTP1
import RelayTestSupport
import Testing

@testable import RelayHTTP

struct CORSTests {
    /// A page can leave `Origin` out (`no-cors`), but not what the browser adds of its own accord.
    @Test(
        arguments: [
            ("cross-site", "no-cors", false), ("same-site", "no-cors", false), ("cross-site", nil, false),
            ("cross-site", "navigate", true), ("same-origin", "cors", true), ("none", "navigate", true),
            (nil, nil, true),
        ] as [(String?, String?, Bool)]
    )
    func `a request of another site's page that does not say which is none without a page`(
        site: String?,
        mode: String?,
        isAllowed: Bool
    ) throws {
        var head = self.head([:])
        if let site { head.headers.add(name: "Sec-Fetch-Site", value: site) }
        if let mode { head.headers.add(name: "Sec-Fetch-Mode", value: mode) }
        let cors = CORS(origins: [try #require(OriginPattern("https://example.com"))])
        let own = OwnOrigins(configured: nil, hosts: [], scheme: nil)
        #expect(cors.allows(head, own: own) == isAllowed)
        #expect(cors.trusts(head, own: own) == isAllowed)
    }

    private func head(_ headers: HTTPHeaders) -> HTTPRequestHead {
        HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: headers)
    }

    /// Whether a page may connect by the entries alone.
    private func allows(_ entries: [String], _ origins: [String]) throws -> Bool {
        let patterns = try entries.map { try #require(OriginPattern($0), "\($0)") }
        let head = self.head(HTTPHeaders(origins.map { ("Origin", $0) }))
        let cors = CORS(origins: patterns)
        let allows = cors.allows(head, own: OwnOrigins(configured: nil, hosts: [], scheme: nil))
        var headers = HTTPHeaders()
        cors.apply(to: &headers, of: head)
        // Reading an answer and opening a WebSocket are decided alike.
        if !origins.isEmpty { #expect((headers.first(name: "Access-Control-Allow-Origin") != nil) == allows) }
        return allows
    }

    @Test(
        arguments: [
            ("https://example.com", "https://example.com"), ("https://Example.COM", "https://example.com"),
            ("https://example.com", "HTTPS://EXAMPLE.com"), ("https://example.com:443", "https://example.com"),
            ("https://example.com", "https://example.com:443"), ("http://example.com:80", "http://example.com"),
            ("https://example.com/", "https://example.com"), ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:8080", "http://[::1]:8080"), ("http://[0:0:0:0:0:0:0:1]", "http://[::1]"),
            ("http://[2001:DB8::1]", "http://[2001:db8::1]"), ("http://192.0.2.1", "http://192.0.2.1"),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
            ("https://XN--BCHER-KVA.example", "https://xn--bcher-kva.example"),
            ("https://example.com.", "https://example.com."), ("https://my_host", "https://my_host"),
            ("chrome-extension://abcdefgh", "chrome-extension://abcdefgh"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("null", "null"), ("*", "null"), ("*", "https://anything.example"), ("*", "nonsense"),
            ("https://*.example.com", "https://a.example.com"), ("https://*.example.com", "https://a.b.c.example.com"),
            ("https://*.Example.com:443", "https://A.example.com"),
            ("http://*.localhost:3000", "http://a.localhost:3000"),
            ("https://*.xn--bcher-kva.example", "https://xn--a.xn--bcher-kva.example"),
        ]
    )
    func `an entry lets in what it names`(entry: String, origin: String) throws {
        #expect(try self.allows(["https://other.example", entry], [origin]))
    }

    @Test(
        arguments: [
            ("https://example.com", "http://example.com"), ("https://example.com", "https://example.com:8443"),
            ("https://example.com", "https://example.com.evil.org"), ("https://example.com", "https://evilexample.com"),
            ("https://example.com", "https://www.example.com"), ("https://example.com", "https://example.com."),
            ("https://example.com", "https://example.co"), ("https://example.com", "https://example.com@evil.org"),
            ("https://example.com", "https://evil.org/https://example.com"),
            ("https://example.com", "https://evil.org#https://example.com"),
            ("https://example.com", "https://evil.org https://example.com"),
            ("https://example.com", "https://example.com/"), ("https://example.com", "https://example.com:"),
            ("https://example.com", "https://example.com:0443"), ("https://example.com", "https://example.com:443443"),
            ("https://example.com", "https:/example.com"), ("https://example.com", "example.com"),
            ("https://example.com", "//example.com"), ("https://example.com", "https://ex\u{61}mple.com\u{301}"),
            ("https://example.com", "https://\u{301}example.com"),
            ("https://example.com", "https:\u{301}//example.com"),
            ("https://example.com", "https://\u{FF45}xample.com"), ("https://example.com", "https://exam\u{AD}ple.com"),
            ("https://example.com", ""), ("https://example.com", "null"), ("https://example.com", "NULL"),
            ("https://example.com", "https://"), ("https://example.com", "*"), ("https://example.com", "https://*"),
            ("https://example.com:8443", "https://example.com"), ("http://[::1]", "http://[::1"),
            ("http://[::1]", "http://::1"), ("http://[::1]", "http://[::1].evil.org"), ("http://[::1]", "http://[::2]"),
            ("http://192.0.2.1", "http://192.0.2.1.evil.org"), ("null", "https://null"), ("null", "Null"),
            ("https://xn--bcher-kva.example", "https://bücher.example"),
            ("chrome-extension://abcdefgh", "chrome-extension://abcdefgi"),
            // Below a name, and not itself.
            ("https://*.example.com", "https://example.com"), ("https://*.example.com", "https://evilexample.com"),
            ("https://*.example.com", "https://a.example.com.evil.org"),
            ("https://*.example.com", "http://a.example.com"),
            ("https://*.example.com", "https://a.example.com:8443"),
            ("https://*.example.com", "https://a.example.com."),
            ("https://*.example.com", "https://.example.com"), ("https://*.example.com", "https://a..example.com"),
            ("https://*.example.com", "https://*.example.com"),
            ("https://*.example.com", "https://evil.org/.example.com"),
            ("https://*.example.com", "https://evil.org?.example.com"),
            ("https://*.example.com", "https://a@b.example.com"),
            ("https://*.example.com", "https://[::1].example.com"), ("https://*.example.com", "null"),
            ("https://*.example.com", "https://evil.org\\.example.com"),
        ]
    )
    func `what only looks like an entry is refused`(entry: String, origin: String) throws {
        #expect(try !self.allows(["https://other.example", entry], [origin]))
    }

    @Test(arguments: [
        "", "example.com", "*.example.com", "https://", "https://*", "https://*.", "https://*.example.com.",
        "https://*.*.example.com", "https://a.*.example.com", "https://a*.example.com", "https://example.*",
        "https*://a",
        "https://*.192.0.2.1", "https://*.[::1]", "https://a/path", "https://me@a", "https://a:99999", "https://a:0",
        "https://a?b", "https://bücher.example", "https://a b", "Null", "**", "https://[::1", "://a", "1http://a",
        "https://a\0", "https://a//",
    ])
    func `what can't be an entry is none`(entry: String) {
        #expect(OriginPattern(entry) == nil)
    }

    @Test
    func `who sends no Origin is no page, and who sends two is no browser`() throws {
        #expect(try self.allows(["https://example.com"], []))
        #expect(try !self.allows(["https://example.com"], ["https://example.com", "https://example.com"]))
        #expect(try !self.allows([], ["https://example.com"]))
    }

    @Test(
        arguments: [
            (["https://a.example"], "https://a.example", true), (["https://*.example"], "https://a.example", true),
            (["*", "https://a.example"], "https://a.example", true), (["*"], "https://relay.example", true),
            (["*"], "https://a.example", false), (["*", "null"], "null", false), (["*"], "nonsense", false),
            ([], "https://relay.example:1", false),
        ] as [([String], String, Bool)]
    )
    func `only what is named, or the service's own, is trusted with a cookie`(
        entries: [String],
        origin: String,
        isTrusted: Bool
    ) throws {
        let cors = CORS(origins: try entries.map { try #require(OriginPattern($0)) })
        let own = OwnOrigins(configured: Origin("https://relay.example"), hosts: [], scheme: nil)
        #expect(cors.trusts(self.head(["Origin": origin]), own: own) == isTrusted)
        #expect(cors.trusts(self.head([:]), own: own))
    }

    @Test
    func `answers differ by origin unless all are allowed`() throws {
        let origin = "HTTPS://shop.example"
        var headers = HTTPHeaders()
        let some = CORS(origins: [try #require(OriginPattern("https://shop.example"))])
        some.apply(to: &headers, of: self.head(["Origin": origin]))
        #expect(headers["Access-Control-Allow-Origin"] == [origin] && headers["Vary"] == ["Origin"])
        headers = HTTPHeaders()
        some.apply(to: &headers, of: self.head(["Origin": "https://evil.example"]))
        #expect(headers.count == 1 && headers["Vary"] == ["Origin"])
        headers = HTTPHeaders()
        CORS(origins: [.any]).apply(to: &headers, of: self.head([:]))
        #expect(headers["Access-Control-Allow-Origin"] == ["*"] && headers["Vary"] == [])
    }

    @Test(arguments: SeededGenerator.seeds(fixed: 2, new: 2))
    func `no origin crashes it, and what a wildcard lets in ends below its name`(seed: UInt64) throws {
        let pieces = [
            "https://", "http://", "*.", ".", "example.com", "a", ":443", ":", "[", "]", "::1", "@", "/", "é", "\0",
        ]
        var random = SeededGenerator(seed: seed)
        for _ in 0..<5000 {
            let origin =
                "https://"
                + (0..<Int.random(in: 0...6, using: &random)).map { _ in
                    pieces.randomElement(using: &random) ?? ""
                }.joined()
            _ = OriginPattern(origin)
            if try self.allows(["https://*.example.com"], [origin]) {
                #expect(
                    origin.wholeMatch(of: /https:\/\/([a-z]+\.|example\.com)+example\.com(:443)?/) != nil,
                    "\(origin)"
                )
            }
        }
    }
}
