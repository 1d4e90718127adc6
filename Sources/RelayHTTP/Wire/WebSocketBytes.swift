package import NIOCore

extension ByteBuffer {
    /// Writes an unfragmented frame as a server sends it, unmasked (RFC 6455, section 5.2).
    package mutating func writeWebSocketFrame(_ opcode: WebSocketOpcode, _ payload: ByteBufferView) {
        let final: UInt8 = 0x80
        self.writeInteger(final | UInt8(opcode.rawCode))
        switch payload.count {
        case 0..<126:
            self.writeInteger(UInt8(payload.count))
        case 126...Int(UInt16.max):
            self.writeInteger(UInt8(126))
            self.writeInteger(UInt16(payload.count))
        default:
            self.writeInteger(UInt8(127))
            self.writeInteger(UInt64(payload.count))
        }
        self.writeBytes(payload)
    }

    package enum WebSocketOpcode: Sendable {
        case text, binary, close, ping, pong

        fileprivate var rawCode: Int {
            switch self {
            case .text: 0x1
            case .binary: 0x2
            case .close: 0x8
            case .ping: 0x9
            case .pong: 0xA
            }
        }
    }

    /// Writes a close frame. The reason is cut to what a control frame can hold.
    package mutating func writeWebSocketClose(_ code: CloseCode, reason: String) {
        self.writeWebSocketClose(code: code.rawValue, reason: reason)
    }

    /// The same, for a code that a client chose.
    package mutating func writeWebSocketClose(code: UInt16, reason: String = "") {
        var payload = ByteBuffer(integer: code)
        var text = ""
        for character in reason {
            if text.utf8.count + character.utf8.count > 123 { break }
            text.append(character)
        }
        payload.writeString(text)
        self.writeWebSocketFrame(.close, payload.readableBytesView)
    }
}

/// The codes that the relay closes a WebSocket with (docs/protocol.md).
package enum CloseCode: UInt16, Sendable {
    case normal = 1000
    /// Shutting down: come back.
    case goingAway = 1001
    case protocolError = 1002
    case notUTF8 = 1007
    case messageTooBig = 1009
    case internalError = 1011
    /// Overloaded: come back later. A raw stream that fell behind the log's floor ends so, since it can't carry a gap.
    case tryAgainLater = 1013
}
