import NIOCore
package import NIOHTTP1

/// The server's part of the opening handshake (RFC 6455, section 4.2).
package enum WebSocketHandshake {
    private static let guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// - Returns: the headers of the answer that accepts.
    /// - Throws: if the request has not just one key, or another version than 13. What the key is does not matter: some
    ///   clients of pg_eventserv have none of 16 bytes.
    package static func answer(to head: HTTPRequestHead) throws(Problem) -> HTTPHeaders {
        guard let key = head.headers.single("Sec-WebSocket-Key"), !key.isEmpty,
            head.headers.single("Sec-WebSocket-Version") == "13"
        else {
            throw Problem(
                .badRequest,
                "the WebSocket handshake needs one Sec-WebSocket-Key and Sec-WebSocket-Version 13",
                headers: ["Sec-WebSocket-Version": "13"]
            )
        }
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
