import NIOHTTP1
import RelayTestSupport
import Testing

@testable import RelayHTTP

struct PresentedTokenTests {
    private func token(
        _ headers: HTTPHeaders,
        _ uri: String = "/listen/people",
        cookie: String? = "session",
        isInURL: Bool = true,
        mayUseCookie: Bool = true
    ) throws -> PresentedToken {
        try PresentedToken(
            of: HTTPRequestHead(version: .http1_1, method: .GET, uri: uri, headers: headers),
            RequestTarget(uri: uri),
            cookie: cookie,
            isInURL: isInURL,
            mayUseCookie: mayUseCookie
        )
    }

    @Test(
        arguments: [
            ([:], .absent), (["Authorization": "Bearer a.b.c"], .explicit("a.b.c")),
            (["authorization": "bearer  a.b.c"], .explicit("a.b.c")), (["Authorization": "Bearer"], .explicit("")),
            (["Authorization": "Basic YTpi"], .absent), (["Authorization": ""], .absent),
            (["Authorization": "Bearer é"], .explicit("é")),
            (["Sec-WebSocket-Protocol": "pg_eventrelay, bearer.a.b.c"], .explicit("a.b.c")),
            (["Sec-WebSocket-Protocol": "bearer.a.b.c,pg_eventrelay"], .explicit("a.b.c")),
            (["Sec-WebSocket-Protocol": "pg_eventrelay"], .absent), (["Sec-WebSocket-Protocol": "Bearer.a"], .absent),
            (["Cookie": "session=a.b.c"], .cookie("a.b.c")),
            (["Cookie": "x=1; session=\"a.b.c\"; y=2"], .cookie("a.b.c")),
            (["Cookie": "session=a=b"], .cookie("a=b")), (["Cookie": "sessions=a; Session=b; session"], .absent),
            (["Cookie": "session=a", "Authorization": "Bearer b"], .explicit("b")),
        ] as [(HTTPHeaders, PresentedToken)]
    )
    func `a token is found where it may be`(headers: HTTPHeaders, expected: PresentedToken) throws {
        #expect(try self.token(headers) == expected)
    }

    @Test
    func `the URL has one only where that is wanted`() throws {
        #expect(try self.token([:], "/listen/people?token=a.b.c") == .explicit("a.b.c"))
        #expect(try self.token([:], "/listen/people?token=a.b.c", isInURL: false) == .absent)
    }

    @Test
    func `a cookie has one only where its name is set`() throws {
        #expect(try self.token(["Cookie": "session=a.b.c"], cookie: nil) == .absent)
        #expect(try self.token(["Cookie": "session=a.b.c"], mayUseCookie: false) == .foreignCookie)
        #expect(try self.token(["Authorization": "Bearer a"], mayUseCookie: false) == .explicit("a"))
    }

    @Test
    func `the same token twice is one`() throws {
        let headers: HTTPHeaders = [
            "Authorization": "Bearer a", "Sec-WebSocket-Protocol": "pg_eventrelay, bearer.a",
        ]
        #expect(try self.token(headers, "/?token=a") == .explicit("a"))
    }

    @Test(
        arguments: [
            (["Authorization": "Bearer a", "authorization": "Bearer b"], ""),
            (["Authorization": "Bearer a"], "?token=b"),
            (["Authorization": "Bearer a", "Sec-WebSocket-Protocol": "pg_eventrelay, bearer.b"], ""),
            (["Sec-WebSocket-Protocol": "pg_eventrelay, bearer.a, bearer.b"], ""),
            (["Cookie": "session=a; session=b"], ""), (["Cookie": "session=a", "cookie": "session=b"], ""),
        ] as [(HTTPHeaders, String)]
    )
    func `which of two different tokens is meant is not guessed`(headers: HTTPHeaders, query: String) {
        #expect {
            try self.token(headers, "/listen/people" + query)
        } throws: {
            ($0 as? Problem)?.status == .badRequest
        }
    }

    @Test
    func `a token alone among the subprotocols is refused: no browser could take the answer`() {
        #expect(throws: Problem.self) { try self.token(["Sec-WebSocket-Protocol": "bearer.a.b.c"]) }
    }

    @Test(
        arguments: [
            ("pg_eventrelay, bearer.a.b.c", "pg_eventrelay"), ("bearer.a.b.c, pg_eventrelay", "pg_eventrelay"),
            ("pg_eventrelay", "pg_eventrelay"), ("PG_EVENTRELAY", nil), ("graphql-ws", nil), ("", nil),
        ]
    )
    func `the answer takes our subprotocol where it is offered, and no other`(offered: String, answer: String?) {
        let headers: HTTPHeaders = ["Sec-WebSocket-Protocol": offered]
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: headers)
        #expect(Subprotocol.answer(to: head)["Sec-WebSocket-Protocol"] == (answer.map { [$0] } ?? []))
    }
}
