import NIOCore
import NIOEmbedded
import NIOHTTP1
import RelayHTTP
import RelayTestSupport
import Testing

struct HandshakeRequestTests {
    private static let plain =
        "GET /listen/a%2Fb?last-seen-id=7 HTTP/1.1\r\nHost: x:1\r\nUpgrade:websocket\r\nA-b:   c, d\r\n\r\n"

    private func read(_ text: String) -> HandshakeRequest? {
        ByteBuffer(string: text).withUnsafeReadableBytes { HandshakeRequest($0) }
    }

    @Test
    func `a plain request is read up to its end`() throws {
        let request = try #require(self.read(Self.plain + "\u{81}"))
        #expect(request.length == Self.plain.utf8.count)
        #expect(request.head.method == .GET && request.head.version == .http1_1)
        #expect(request.head.uri == "/listen/a%2Fb?last-seen-id=7")
        #expect(request.head.headers.map { "\($0.name)=\($0.value)" } == ["Host=x:1", "Upgrade=websocket", "A-b=c, d"])
    }

    @Test
    func `one that is not all there is left to HTTP's parser`() {
        for count in 0..<Self.plain.utf8.count {
            #expect(self.read(String(decoding: Self.plain.utf8.prefix(count), as: UTF8.self)) == nil)
        }
    }

    @Test(arguments: [
        "POST / HTTP/1.1\r\n\r\n", "get / HTTP/1.1\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\n\n", "GET x HTTP/1.1\r\n\r\n", "GET http://x/ HTTP/1.1\r\n\r\n", "GET /# HTTP/1.1\r\n\r\n",
        "GET /é HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nA\r\n\r\n", "GET / HTTP/1.1\r\nA :b\r\n\r\n",
        "GET / HTTP/1.1\r\n: b\r\n\r\n", "GET / HTTP/1.1\r\nA: b\n\r\n\r\n", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b \r\n\r\n", "GET / HTTP/1.1\r\nA: \tb\r\n\r\n", "GET / HTTP/1.1\r\nA:\r\n\r\n",
        "GET / HTTP/1.1\r\nA: é\r\n\r\n", "GET / HTTP/1.1\r\nA: b\u{0}\r\n\r\n", "GET / HTTP/1.1\r\nA_b: c\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "GET / HTTP/1.1\r\ntransfer-ENCODING: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
    ])
    func `what is not plain is left to HTTP's parser`(text: String) {
        #expect(self.read(text) == nil)
    }

    @Test
    func `what is long is left to HTTP's parser`() {
        func read(headers: Int, targetBytes: Int) -> HandshakeRequest? {
            let target = String(repeating: "/", count: targetBytes)
            return self.read("GET \(target) HTTP/1.1\r\n" + String(repeating: "A: b\r\n", count: headers) + "\r\n")
        }
        #expect(read(headers: 100, targetBytes: 1) != nil && read(headers: 101, targetBytes: 1) == nil)
        #expect(read(headers: 0, targetBytes: 8000) != nil && read(headers: 0, targetBytes: 8192) == nil)
    }

    /// Two parsers of one text are a way in for whoever finds the difference.
    @Test
    func `whatever it takes, HTTP's parser reads in the same way`() throws {
        var random = RandomTests.generator("random handshakes")
        let pieces = [
            "GET /", " HTTP/1.1\r\n", "\r\n", "Host: x\r\n", "Upgrade: websocket\r\n", "Connection: ", "upgrade",
            "close",
            "keep-alive", ", ", ":", " ", "a", "-", "_", "/", "?", "%", "%41", "*", "\"", "<", "|", "\\", "\t",
            "\u{7F}",
            "é", "\n", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "Content-length", "Expect", "HTTP/1.1",
            "Transfer-Encoding: chunked\r\n", "http://", "\r", "\u{0}", "Proxy-Connection: x\r\n",
        ]
        var taken = 0
        for _ in 0..<(3000 * RandomTests.size) {
            func some(_ most: Int) -> String {
                (0..<Int.random(in: 0...most, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }
                    .joined()
            }
            let headers = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                Bool.random(using: &random) ? some(3) + "a: " + some(3) + "b\r\n" : some(3)
            }
            let text = "GET /" + some(2) + " HTTP/1.1\r\n" + headers.joined() + "\r\n" + some(2)
            guard let request = self.read(text) else { continue }
            taken += 1
            let (head, rest) = try self.parse(text)
            #expect(head == request.head, "\(text.debugDescription)")
            #expect(head?.headers.map(\.value) == request.head.headers.map(\.value), "\(text.debugDescription)")
            // Behind an upgrade nothing is parsed; else it is a request of its own.
            #expect(rest, "\(text.debugDescription)")
        }
        #expect(taken > 100)
    }

    /// By NIO's decoder: the first request's head, and whether its end is where it has none of a body.
    private func parse(_ text: String) throws -> (head: HTTPRequestHead?, hasNoBody: Bool) {
        let channel = EmbeddedChannel(
            handler: ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes))
        )
        defer { _ = try? channel.finish() }
        _ = try? channel.writeInbound(ByteBuffer(string: text))
        let parts = [
            try channel.readInbound(as: HTTPServerRequestPart.self),
            try channel.readInbound(as: HTTPServerRequestPart.self),
        ]
        guard case .head(let head)? = parts[0] else { return (nil, false) }
        guard case .end? = parts[1] else { return (head, false) }
        return (head, true)
    }
}
