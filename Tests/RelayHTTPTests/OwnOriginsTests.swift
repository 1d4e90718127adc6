import NIOHTTP1
import Testing

@testable import RelayHTTP

struct OwnOriginsTests {
    private func isOwn(
        _ origin: String,
        _ headers: HTTPHeaders,
        urlBase: String = "",
        behindProxy: Bool = false,
        scheme: String = "http"
    ) throws -> Bool {
        var options = HTTPOptions(
            host: "",
            port: 0,
            urlBase: urlBase,
            basePath: .none,
            corsOrigins: [],
            limits: ClientLimits(clients: 1),
            channelPatterns: [],
            assets: [:],
            hasOwnAssets: false,
            version: ""
        )
        options.scheme = scheme
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: headers)
        let caller = Caller(address: ClientAddress(nil), isBehindTrustedProxy: behindProxy)
        return options.ownOrigins(head, of: caller).contain(try #require(Origin(origin)))
    }

    @Test(
        arguments: [
            ("relay.example", "https://relay.example", true), ("relay.example", "http://relay.example", true),
            ("Relay.Example", "https://relay.example", true), ("relay.example:443", "https://relay.example", true),
            ("relay.example:7700", "http://relay.example:7700", true), ("[::1]:7700", "http://[0::1]:7700", true),
            ("relay.example:7700", "http://relay.example", false),
            ("relay.example", "http://relay.example:7700", false),
            ("relay.example:7700", "http://relay.example:7701", false),
            ("relay.example:443", "http://relay.example", false),
            ("relay.example", "https://evilrelay.example", false),
            ("relay.example", "https://relay.example.evil.org", false),
            ("relay.example", "https://www.relay.example", false), ("relay.example", "ftp://relay.example", false),
            ("", "https://relay.example", false), ("evil.org://relay.example", "https://relay.example", false),
        ]
    )
    func `a page of the host that is asked is the service's own`(host: String, origin: String, isOwn: Bool) throws {
        #expect(try self.isOwn(origin, ["Host": host]) == isOwn)
    }

    @Test
    func `another host counts only if a trusted proxy names it`() throws {
        for headers: HTTPHeaders in [
            ["Host": "127.0.0.1:7700", "X-Forwarded-Host": "relay.example", "X-Forwarded-Proto": "https"],
            ["Host": "127.0.0.1:7700", "Forwarded": "for=192.0.2.1;host=relay.example;proto=https"],
        ] {
            #expect(try self.isOwn("https://relay.example", headers, behindProxy: true))
            #expect(try self.isOwn("http://127.0.0.1:7700", headers, behindProxy: true))
            #expect(try !self.isOwn("https://evil.example", headers, behindProxy: true))
            #expect(try !self.isOwn("https://relay.example", headers))
            #expect(try self.isOwn("http://127.0.0.1:7700", headers))
        }
    }

    /// Also against a name of somebody's own that is made to lead here.
    @Test(arguments: ["https://relay.example/events", "wss://Relay.example:443"])
    func `where UrlBase is set nothing else is the service's own`(urlBase: String) throws {
        let headers: HTTPHeaders = ["Host": "rebound.evil.org", "X-Forwarded-Host": "proxied.example"]
        #expect(try self.isOwn("https://relay.example", headers, urlBase: urlBase))
        for origin in [
            "http://relay.example", "https://rebound.evil.org", "https://proxied.example", "https://relay.example:1",
        ] {
            #expect(try !self.isOwn(origin, headers, urlBase: urlBase, behindProxy: true))
        }
    }

    @Test func `over TLS a page that came without it is none of the relay's own`() throws {
        let headers: HTTPHeaders = ["Host": "relay.example:7701"]
        #expect(try self.isOwn("https://relay.example:7701", headers, scheme: "https"))
        #expect(try !self.isOwn("http://relay.example:7701", headers, scheme: "https"))
        #expect(try self.isOwn("https://relay.example:7701", headers))
    }
}
