import NIOHTTP1
import RelayCore
import RelayTestSupport
import Testing

@testable import RelayHTTP

/// Knows tokens that say in plain what they are for.
private struct PlainVerifier: TokenVerifier {
    func verify(_ token: String, at now: Timestamp) throws(TokenRefusal) -> Bearer {
        if let refusal = TokenRefusal(rawValue: token) { throw refusal }
        return Bearer(
            subject: "paul",
            channels: token.split(separator: ",").map { ChannelGlob(String($0)) },
            expiry: nil
        )
    }
}

struct ChannelAccessTests {
    private let caller = Caller(address: ClientAddress(ipAddress: "127.0.0.1"), isBehindTrustedProxy: false)

    private func access(origins: [OriginPattern] = [.any], anonymous: [String]? = ["public.*"]) -> ChannelAccess {
        var options = HTTPOptions(
            host: "127.0.0.1",
            port: 0,
            urlBase: "",
            basePath: .none,
            corsOrigins: origins,
            limits: ClientLimits(clients: 1),
            channelPatterns: ["*"],
            assets: [:],
            hasOwnAssets: false,
            version: "0"
        )
        options.tokens = anonymous.map { anonymous in
            TokenOptions(
                verifier: PlainVerifier(),
                clock: ManualClock().serverClock,
                anonymousChannels: anonymous.map { ChannelGlob($0) },
                cookie: "session",
                isInURL: false
            )
        }
        return ChannelAccess(options: options, cors: CORS(origins: origins))
    }

    private func problem(_ body: () throws -> Void) -> Problem? {
        do {
            try body()
            return nil
        } catch {
            return error as? Problem
        }
    }

    @Test(
        arguments: [
            ("people", .explicit("people"), nil), ("people", .explicit("p*"), nil),
            ("people", .cookie("x,people"), nil),
            ("people", .absent, 401), ("people", .foreignCookie, 401), ("people", .explicit("orders"), 403),
            ("people", .explicit("expired"), 401), ("people", .cookie("expired"), 401), ("people", .explicit(""), 403),
            ("public.news", .absent, nil), ("public.news", .foreignCookie, nil),
            ("public.news", .explicit("orders"), nil),
            ("public.news", .explicit("expired"), 401), ("public.news", .cookie("expired"), nil),
            ("publik", .absent, 401),
        ] as [(ChannelName, PresentedToken, Int?)]
    )
    func `a channel is read by everyone, or by whose token names it`(
        channel: ChannelName,
        token: PresentedToken,
        status: Int?
    ) {
        let access = self.access()
        let problem = self.problem { try access.reader(of: ChannelSelection(channel), presenting: token) }
        #expect(problem.map { Int($0.status.code) } == status)
    }

    @Test
    func `patterns alone take no place for one who may read nothing`() {
        let patterns = ChannelSelection([], patterns: [ChannelGlob("*")])
        func status(_ anonymous: [String], _ token: PresentedToken) -> Int? {
            let access = self.access(anonymous: anonymous)
            return self.problem { try access.reader(of: patterns, presenting: token) }.map { Int($0.status.code) }
        }
        #expect(status([], .absent) == 401)
        #expect(status([], .cookie("expired")) == 401)
        #expect(status([], .explicit("people")) == nil)
        #expect(status(["public.*"], .absent) == nil)
        #expect(status(["public.*"], .cookie("expired")) == nil)
    }

    @Test
    func `without tokens everyone reads, and nothing is looked at`() throws {
        let access = self.access(anonymous: nil)
        let head = HTTPRequestHead(
            version: .http1_1,
            method: .GET,
            uri: "/",
            headers: ["Authorization": "Bearer a", "authorization": "Bearer b"]
        )
        #expect(try access.token(of: head, RequestTarget(uri: "/"), from: self.caller) == .absent)
        #expect(try access.reader(of: ChannelSelection("people"), presenting: .absent) == nil)
    }

    @Test(arguments: TokenRefusal.allCases)
    func `a refusal is told in the body and in a header that can be parsed`(refusal: TokenRefusal) throws {
        let access = self.access()
        let problem = try #require(
            self.problem { try access.reader(of: ChannelSelection("people"), presenting: .explicit(refusal.rawValue)) }
        )
        #expect(problem.detail.hasPrefix("\(refusal)"))
        #expect(
            problem.headers["WWW-Authenticate"] == [
                #"Bearer realm="pg_eventrelay", error="invalid_token", error_description="\#(refusal)""#
            ]
        )
        // RFC 6750, section 3.
        #expect("\(refusal)".utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C })
    }

    @Test
    func `who has no token is told that one is asked for, and who has another what it lacks`() {
        let access = self.access()
        func challenge(_ token: PresentedToken) -> [String]? {
            self.problem { try access.reader(of: ChannelSelection("people"), presenting: token) }?.headers[
                "WWW-Authenticate"
            ]
        }
        #expect(challenge(.absent) == [#"Bearer realm="pg_eventrelay""#])
        #expect(challenge(.explicit("x"))?.first?.contains(#"error="insufficient_scope""#) == true)
    }

    @Test
    func `the reader is who the token says`() throws {
        let bearer = try self.access().reader(of: ChannelSelection("people"), presenting: .explicit("people"))
        #expect(bearer == Bearer(subject: "paul", channels: [ChannelGlob("people")], expiry: nil))
    }

    @Test
    func `a page lists what its visitor may read`() {
        let access = self.access()
        let visitor = access.visitor(presenting: .cookie("people"))
        #expect(access.patterns(visitor) == ["public.*", "people"])
        #expect(access.mayRead("people", visitor) && access.mayRead("public.news", visitor))
        #expect(!access.mayRead("orders", visitor))
        for token in [PresentedToken.absent, .cookie("expired"), .foreignCookie] {
            #expect(access.visitor(presenting: token) == nil)
        }
        #expect(access.patterns(nil) == ["public.*"] && !access.mayRead("people", nil))
        #expect(self.access(anonymous: nil).patterns(nil) == ["*"])
    }

    /// A page of another origin may open a WebSocket to anywhere, and its browser adds the cookie.
    @Test(
        arguments: [
            (["*"], nil, true), (["*"], "http://relay.example:7700", true), (["*"], "https://evil.example", false),
            (["*"], "null", false), (["*", "null"], "null", false), ([], "https://evil.example", false),
            (["https://good.example"], "https://good.example", true),
            (["*", "https://good.example"], "https://GOOD.example", true),
            (["https://good.example"], "https://good.example.evil.example", false),
            (["https://good.example"], "http://good.example", false), ([], "https://evil-relay.example:7700", false),
        ] as [([String], String?, Bool)]
    )
    func `a cookie counts for pages of the relay and of origins that are named, and for no others`(
        origins: [String],
        origin: String?,
        counts: Bool
    ) throws {
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/listen/people")
        head.headers = ["Host": "relay.example:7700", "Cookie": "session=people"]
        if let origin { head.headers.add(name: "Origin", value: origin) }
        let access = try self.access(origins: origins.map { try #require(OriginPattern($0)) })
        let token = try access.token(of: head, RequestTarget(uri: head.uri), from: self.caller)
        #expect(token == (counts ? .cookie("people") : .foreignCookie))
    }
}
