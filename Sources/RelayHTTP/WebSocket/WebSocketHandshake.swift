import NIOCore
package import NIOHTTP1

/// The server's part of the opening handshake (RFC 6455, section 4.2).
package enum WebSocketHandshake {
    private static let guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// - Returns: the headers of the answer that accepts.
    /// - Throws: if the request has not just one key, of 16 bytes in base64, or another version than 13.
    package static func answer(to head: HTTPRequestHead) throws(Problem) -> HTTPHeaders {
        guard let key = head.headers.single("Sec-WebSocket-Key"), self.isKey(key),
            head.headers.single("Sec-WebSocket-Version") == "13"
        else {
            throw Problem(
                .badRequest,
                "the WebSocket handshake needs one Sec-WebSocket-Key, 16 bytes in base64, and Sec-WebSocket-Version 13",
                headers: ["Sec-WebSocket-Version": "13"]
            )
        }
        var headers: HTTPHeaders = [
            "Upgrade": "websocket", "Sec-WebSocket-Accept": self.acceptValue(of: key), "Connection": "upgrade",
        ]
        headers.add(contentsOf: Subprotocol.answer(to: head))
        return headers
    }

    private static func isKey(_ text: Substring) -> Bool {
        text.utf8.count == 24 && text.hasSuffix("==")
            && text.utf8.dropLast(2).allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"): true
                default: false
                }
            }
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
