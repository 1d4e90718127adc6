package import NIOCore

extension ByteBuffer {
    /// Writes an unfragmented frame as a server sends it, unmasked (RFC 6455, section 5.2).
    package mutating func writeWebSocketFrame(_ opcode: WebSocketOpcode, _ payload: some Collection<UInt8>) {
        let header = WebSocketFrameHeader(opcode, payloadBytes: payload.count)
        self.writeWithUnsafeMutableBytes(minimumWritableBytes: header.bytes) {
            header.write(to: $0)
            return header.bytes
        }
        self.writeBytes(payload)
    }

    /// Writes JSON as a text frame. Its length is known only afterwards, so the header comes last.
    mutating func writeTextFrame(maximumBytes: Int, _ write: (inout JSONWriter) -> Void) {
        let reserved = WebSocketFrameHeader(.text, payloadBytes: maximumBytes).bytes
        self.writeWithUnsafeMutableBytes(minimumWritableBytes: reserved + maximumBytes) { memory in
            var json = JSONWriter(UnsafeMutableRawBufferPointer(rebasing: memory[reserved...]))
            write(&json)
            let header = WebSocketFrameHeader(.text, payloadBytes: json.count)
            if header.bytes < reserved {
                UnsafeMutableRawBufferPointer(rebasing: memory[header.bytes..<header.bytes + json.count])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[reserved..<reserved + json.count]))
            }
            header.write(to: memory)
            return header.bytes + json.count
        }
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

/// The header of an unfragmented, unmasked frame.
private struct WebSocketFrameHeader {
    let opcode: ByteBuffer.WebSocketOpcode
    let payloadBytes: Int

    init(_ opcode: ByteBuffer.WebSocketOpcode, payloadBytes: Int) {
        self.opcode = opcode
        self.payloadBytes = payloadBytes
    }

    var bytes: Int {
        switch self.payloadBytes {
        case 0..<126: 2
        case 126...Int(UInt16.max): 4
        default: 10
        }
    }

    func write(to memory: UnsafeMutableRawBufferPointer) {
        let final: UInt8 = 0x80
        memory[0] = final | UInt8(self.opcode.rawCode)
        switch self.payloadBytes {
        case 0..<126:
            memory[1] = UInt8(self.payloadBytes)
        case 126...Int(UInt16.max):
            memory[1] = 126
            memory.storeBytes(of: UInt16(self.payloadBytes).bigEndian, toByteOffset: 2, as: UInt16.self)
        default:
            memory[1] = 127
            memory.storeBytes(of: UInt64(self.payloadBytes).bigEndian, toByteOffset: 2, as: UInt64.self)
        }
    }
}

/// The codes that the relay closes a WebSocket with (docs/protocol.md).
package enum CloseCode: UInt16, Sendable {
    case normal = 1000
    /// Shutting down: come back.
    case goingAway = 1001
    case protocolError = 1002
    case notUTF8 = 1007
    /// Not allowed, or not any more: the token that let the client in has expired.
    case notAllowed = 1008
    case messageTooBig = 1009
    case internalError = 1011
    /// Overloaded: come back later. A raw stream that fell behind the log's floor ends so, since it can't carry a gap.
    case tryAgainLater = 1013
}
