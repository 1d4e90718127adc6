import NIOCore
package import NIOHTTP1

/// The server's part of the opening handshake (RFC 6455, section 4.2).
package enum WebSocketHandshake {
    private static let guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// The headers of the answer that accepts; nil where the request has not just one key, or another version than 13.
    package static func answer(to head: HTTPRequestHead) -> HTTPHeaders? {
        guard let key = head.headers.single("Sec-WebSocket-Key"),
            head.headers.single("Sec-WebSocket-Version") == "13"
        else { return nil }
        var headers: HTTPHeaders = [
            "Upgrade": "websocket", "Sec-WebSocket-Accept": self.acceptValue(of: key), "Connection": "upgrade",
        ]
        headers.add(contentsOf: Subprotocol.answer(to: head))
        return headers
    }

    private static func acceptValue(of key: Substring) -> String {
        var text = ByteBuffer()
        let hash = SHA1.hash(Array(key.utf8) + Array(self.guid.utf8))
        text.writeJSON(maximumBytes: JSONWriter.maximumBytes(ofBase64: hash.count)) { $0.writeBase64Digits(of: hash) }
        return String(buffer: text)
    }
}

extension HTTPHeaders {
    /// The value of a header that may not be given twice, nor as a list.
    fileprivate func single(_ name: String) -> Substring? {
        let values = self[canonicalForm: name]
        return values.count == 1 ? values[0] : nil
    }
}
