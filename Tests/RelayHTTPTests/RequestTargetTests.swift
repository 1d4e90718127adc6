import RelayHTTP
import RelayTestSupport
import Testing

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
