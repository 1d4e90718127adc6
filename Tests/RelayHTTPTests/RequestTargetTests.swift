import NIOHTTP1
import RelayTestSupport
import Testing

@testable import RelayHTTP

struct RequestTargetTests {
    @Test(arguments: [
        ("/", [""]), ("/listen/people", ["listen", "people"]), ("/listen/a%2Fb", ["listen", "a/b"]),
        ("/listen/", ["listen", ""]), ("/a//b", ["a", "", "b"]), ("/caf%C3%A9", ["café"]), ("/a+b", ["a+b"]),
        ("/%2525", ["%25"]), ("/a?x=/b", ["a"]), ("/a#b", ["a"]), ("http://host:1/a/b?c", ["a", "b"]),
        ("/..%2f..", ["../.."]), ("/%00", ["\0"]),
    ])
    func `the path is decoded once, segment by segment`(uri: String, segments: [String]) throws {
        #expect(try RequestTarget(uri: uri).segments == segments)
    }

    @Test
    func `parameters are decoded, in order, with plus for a blank`() throws {
        let target = try RequestTarget(uri: "/x?a=1&b=two+words&a=%26&flag&=v&&c=1=2")
        #expect(target.parameters.map(\.name) == ["a", "b", "a", "flag", "", "c"])
        #expect(target.parameters.map(\.value) == ["1", "two words", "&", "", "v", "1=2"])
        #expect(try target.value(of: "b") == "two words")
        #expect(try target.value(of: "none") == nil)
        #expect(throws: BadParameter.self) { try target.value(of: "a") }
    }

    @Test(arguments: [
        ("", BadRequestTarget.notAPath), ("*", .notAPath), ("host:443", .notAPath), ("http://host", .notAPath),
        ("/%", .badPercentEncoding), ("/%1", .badPercentEncoding), ("/%zz", .badPercentEncoding),
        ("/?a=%", .badPercentEncoding), ("/%ff", .notUTF8), ("/%C3", .notUTF8), ("/?%80", .notUTF8),
    ])
    func `what can't be understood is named`(uri: String, problem: BadRequestTarget) {
        #expect(throws: problem) { try RequestTarget(uri: uri) }
    }

    @Test(arguments: SeededGenerator.seeds(fixed: 2, new: 2))
    func `no bytes crash it`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let alphabet = Array("/%?&=+#.aZ0 ".utf8) + [0, 0x7f, 0x80, 0xc3, 0xff]
        for _ in 0..<5000 {
            let bytes = (0..<Int.random(in: 0...30, using: &random)).map { _ in
                alphabet.randomElement(using: &random) ?? 0
            }
            if let target = try? RequestTarget(uri: String(decoding: bytes, as: UTF8.self)) {
                _ = try? target.value(of: "a")
                #expect(!target.segments.isEmpty)
            }
        }
    }
}

struct BasePathTests {
    @Test(
        arguments: [
            ("", "/", []), ("/", "/", []), ("//a//b/", "/a/b", ["a", "b"]),
            ("/my%20events", "/my%20events", ["my events"]),
            ("/a%2Fb", "/a%2Fb", ["a/b"]),
        ]
    )
    func `a path is compared as it is, and written as URLs have it`(
        path: String,
        text: String,
        segments: [String]
    ) throws {
        let basePath = try BasePath(path)
        #expect(basePath.description == text)
        #expect(try RequestTarget(uri: (text == "/" ? "" : text) + "/health").segments == segments + ["health"])
        #expect(basePath.segments == segments)
    }

    @Test(arguments: ["/%", "/a%2", "/%ff"])
    func `one that no request can ask for is refused`(path: String) {
        #expect(throws: BadRequestTarget.self) { try BasePath(path) }
    }
}

struct AcceptTests {
    @Test(
        arguments: [
            (["text/event-stream"], true), (["Text/Event-Stream; charset=utf-8"], true),
            (["*/*", "text/event-stream"], true),
            (["application/json, text/event-stream;q=0.5"], true),
            (["text/event-stream;q=0"], false), (["text/event-stream; q=0.000"], false),
            (["text/event-streams"], false),
            (["*/*"], false), ([], false),
        ] as [([String], Bool)]
    )
    func `a media type is asked for by its name`(values: [String], isAsked: Bool) {
        let headers = HTTPHeaders(values.map { ("Accept", $0) })
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: headers)
        #expect(head.accepts("text/event-stream") == isAsked)
    }
}
