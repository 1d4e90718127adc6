import NIOHTTP1
import RelayHTTP
import Testing

struct WebSocketHandshakeTests {
    private static let key = "dGhlIHNhbXBsZSBub25jZQ=="

    private func answer(_ headers: HTTPHeaders) -> HTTPHeaders? {
        try? WebSocketHandshake.answer(to: HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: headers))
    }

    /// Of FIPS 180, and with every way in which the end of a message can lie in a block.
    @Test(arguments: [
        ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        ),
        (String(repeating: "a", count: 55), "c1c8bbdc22796e28c0e15163d20899b65621d65a"),
        (String(repeating: "a", count: 63), "03f09f5b158a7a8cdad920bddc29b81c18a551f5"),
        (String(repeating: "a", count: 64), "0098ba824b5c16427bd7a1122a5a442a25ec644d"),
        (String(repeating: "a", count: 1_000_000), "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
    ])
    func `a hash is that of the standard`(message: String, hash: String) {
        let digits = SHA1.hash(Array(message.utf8)).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        #expect(digits.joined() == hash)
    }

    /// RFC 6455, section 1.3.
    @Test
    func `the key of the standard has the answer of the standard`() {
        let headers = self.answer(["Sec-WebSocket-Key": Self.key, "Sec-WebSocket-Version": "13"])
        #expect(headers?["Sec-WebSocket-Accept"] == ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="])
        #expect(headers?["Upgrade"] == ["websocket"] && headers?["Connection"] == ["upgrade"])
    }

    @Test(
        arguments: [
            [:], ["Sec-WebSocket-Key": Self.key], ["Sec-WebSocket-Version": "13"],
            ["Sec-WebSocket-Key": Self.key, "Sec-WebSocket-Version": "12"],
            ["Sec-WebSocket-Key": "\(Self.key), \(Self.key)", "Sec-WebSocket-Version": "13"],
            ["Sec-WebSocket-Key": Self.key, "Sec-WebSocket-Key": Self.key, "Sec-WebSocket-Version": "13"],
            ["Sec-WebSocket-Key": Self.key, "Sec-WebSocket-Version": "13", "Sec-WebSocket-Version": "13"],
            ["Sec-WebSocket-Key": "", "Sec-WebSocket-Version": "13"],
        ] as [HTTPHeaders]
    )
    func `without one key and version there is no answer`(headers: HTTPHeaders) {
        #expect(self.answer(headers) == nil)
    }
}
