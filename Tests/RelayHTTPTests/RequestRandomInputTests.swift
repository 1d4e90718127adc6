import Foundation
import NIOCore
import NIOEmbedded
import NIOHTTP1
import RelayCore
import RelayTestSupport
import Testing

@testable import RelayHTTP

/// Random input to what takes a request apart: nothing may crash, and what is understood has to keep its own rules.
struct RequestRandomInputTests {
    private static let fragments = [
        "/", "listen", "history", "a", "%", "%2F", "%2f", "%00", "%C3%A9", "%FF", "%E2%82", "%zz", "+", "?", "&", "=",
        "#", "last-seen-id=", "last-seen-id", "log=", "after=", "before=", "limit=", "0", "1", "-1", "latest", "999",
        "1000", "1001", "9007199254740991", "9007199254740992", "18446744073709551616", "00", "1e3", "http://x", "é",
        "\u{0}", "\u{7F}", " ", "..", String(repeating: "n", count: 63), "*", "?*",
    ]

    private static func text(_ random: inout SeededGenerator, upTo count: Int) -> String {
        (0..<Int.random(in: 0...count, using: &random)).map { _ in self.fragments.randomElement(using: &random) ?? "" }
            .joined()
    }

    @Test
    func `no target, parameter or channel name crashes, and what is taken is within its bounds`() {
        var random = RandomTests.generator("random targets")
        for _ in 0..<(5000 * RandomTests.size) {
            let uri = (Bool.random(using: &random) ? "/listen/a?" : "/") + Self.text(&random, upTo: 12)
            guard let target = try? RequestTarget(uri: uri) else { continue }
            #expect(!target.segments.isEmpty)
            var request = HTTPRequestHead(version: .http1_1, method: .GET, uri: uri)
            request.headers.add(name: "Accept", value: "text/event-stream")
            if Bool.random(using: &random) {
                request.headers.add(name: "Last-Event-ID", value: Self.text(&random, upTo: 4))
            }
            if case .after(let id, let logID)? = try? ListenRequest(request, target).start {
                #expect((0..<(1 << 53)).contains(id.rawValue), "\(uri)")
                #expect((1...64).contains(logID?.utf8.count ?? 1), "\(uri)")
            }
            for segment in target.segments {
                guard let channel = try? ChannelName(segment) else { continue }
                #expect((1...63).contains(channel.text.utf8.count) && !channel.text.utf8.contains(0), "\(uri)")
                guard let query = try? HistoryQuery(target, of: ChannelSelection(channel)) else { continue }
                #expect(HistoryQuery.limits.contains(query.limit), "\(uri)")
                #expect([query.after, query.before].allSatisfy { (0..<(1 << 53)).contains($0?.rawValue ?? 0) })
            }
        }
    }

    @Test
    func `percent-encoded bytes come back as they were`() throws {
        var random = RandomTests.generator("random encodings")
        for _ in 0..<(2000 * RandomTests.size) {
            let text = Self.text(&random, upTo: 6)
            let digits = Array("0123456789abcdefABCDEF")
            let encoded = text.utf8.map { byte in
                let high = String(byte >> 4, radix: 16, uppercase: Bool.random(using: &random))
                return "%" + high + String(byte & 0xf, radix: 16, uppercase: Bool.random(using: &random))
            }.joined()
            #expect(encoded.allSatisfy { $0 == "%" || digits.contains($0) })
            let target = try RequestTarget(uri: "/\(encoded)?\(encoded)=\(encoded)")
            #expect(target.segments == [text])
            #expect(target.parameters.map(\.name) == [text] && target.parameters.map(\.value) == [text])
        }
    }

    /// By recursion over both: what the loop must agree with.
    private static func matches(_ pattern: ArraySlice<Unicode.Scalar>, _ text: ArraySlice<Unicode.Scalar>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        if first == "*" {
            return self.matches(pattern.dropFirst(), text) || !text.isEmpty && self.matches(pattern, text.dropFirst())
        }
        return (first == "?" ? !text.isEmpty : text.first == first)
            && self.matches(pattern.dropFirst(), text.dropFirst())
    }

    @Test
    func `globs match what their definition says`() throws {
        var random = RandomTests.generator("random globs")
        let alphabet: [Unicode.Scalar] = ["a", "b", "*", "?", "é"]
        func scalars(_ count: ClosedRange<Int>, _ alphabet: [Unicode.Scalar]) -> [Unicode.Scalar] {
            (0..<Int.random(in: count, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "a" }
        }
        for _ in 0..<(5000 * RandomTests.size) {
            let (pattern, text) = (scalars(0...6, alphabet), scalars(1...7, alphabet))
            let (glob, name) = (String(String.UnicodeScalarView(pattern)), String(String.UnicodeScalarView(text)))
            let isMatch = ChannelGlob(glob).matches(try ChannelName(name))
            #expect(isMatch == Self.matches(pattern[...], text[...]), "\(glob) \(name)")
        }
    }

    @Test
    func `any payload gives JSON that parses, with the bytes in it`() throws {
        var random = RandomTests.generator("random payloads")
        for _ in 0..<(2000 * RandomTests.size) {
            let bytes = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                Bool.random(using: &random)
                    ? UInt8.random(in: 0...255, using: &random)
                    : [0x22, 0x5C, 0x0A, 0x00, 0x1F, 0xC3, 0xA9, 0xE2, 0x80, 0xA8, 0xF0, 0xED].randomElement(
                        using: &random
                    )
                        ?? 0
            }
            var json = ByteBuffer()
            let payload = Payload(bytes)
            let time = Timestamp(microseconds: 1_795_377_600_123_456)
            json.writeJSON(.event(Event(id: 7, channel: "a\"\\b", time: time, payload: payload)))
            let envelope = try Envelope(parsing: String(buffer: json))
            #expect(envelope.payload == String(decoding: bytes, as: UTF8.self) && envelope.channel == "a\"\\b")
            #expect(
                envelope.payload_base64.flatMap { Data(base64Encoded: $0) } == (payload.isValidUTF8 ? nil : Data(bytes))
            )
        }
    }

    /// Bytes that look like HTTP, cut and joined at random.
    @Test
    func `whatever comes on a new connection is answered or ended, and never crashes`() async throws {
        var random = RandomTests.generator("random requests")
        let pieces = [
            "GET ", "HEAD ", "POST ", "X ", "/", "/listen/a", " HTTP/1.1\r\n", " HTTP/1.0\r\n", " HTTP/2\r\n", "\r\n",
            "\r\n\r\n", "\n", "Host: x\r\n", "Upgrade: websocket\r\n", "Connection: upgrade\r\n",
            "Expect: 100-continue\r\n",
            "Content-Length: 5\r\n", "Content-Length: -1\r\n", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n",
            "0\r\n\r\n",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ":", "a", "\u{0}", "é",
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        ]
        for _ in 0..<(300 * RandomTests.size) {
            let text = (0..<Int.random(in: 1...14, using: &random)).map { _ in
                pieces.randomElement(using: &random) ?? ""
            }
            let connection = try await TestConnection.make()
            for piece in text { _ = try? await connection.writeInbound(ByteBuffer(string: piece)) }
            // Time enough for each limit of a request; what is left is an idle connection.
            await connection.testingEventLoop.advanceTime(by: TimeAmount(HTTPTimeouts().request) * 2)
            try? await connection.close().get()
        }
    }
}
