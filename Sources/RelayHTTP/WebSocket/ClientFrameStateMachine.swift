package import NIOCore
package import NIOWebSocket

/// Judges what a client sends, frame by frame: which frames may stand where, and what they may hold (RFC 6455).
///
/// The decoder before it keeps frames whole, control frames short and unfragmented, and refuses a frame that is too long
/// before its bytes have come; what it throws is judged here, too.
package struct ClientFrameStateMachine {
    private enum State {
        case betweenMessages
        case withinMessage(Message)
        /// The client has closed, or has broken a rule. Becomes nothing else.
        case over
    }

    private struct Message {
        let isText: Bool
        var bytes = 0
        var text = UTF8Check()
    }

    package enum Action: Equatable {
        case none
        /// A message, or a fragment of one.
        case message(isText: Bool, isComplete: Bool)
        case answerPing(ByteBuffer)
        /// The client closes, rightly or wrongly: answer with this code, then end the connection.
        case answerClose(UInt16, reason: String = "")
        /// Close with this code; the client's answer ends the connection.
        case refuse(CloseCode, reason: String)
    }

    private let maximumMessageBytes: Int
    private var state = State.betweenMessages

    /// - Parameter maximumMessageBytes: of all fragments of a message together.
    package init(maximumMessageBytes: Int) {
        self.maximumMessageBytes = maximumMessageBytes
    }

    package mutating func received(_ frame: WebSocketFrame) -> Action {
        if case .over = self.state { return .none }
        let action = self.judge(frame)
        switch action {
        case .answerClose, .refuse: self.state = .over
        case .none, .message, .answerPing: break
        }
        return action
    }

    /// The decoder could make no frame of what came, and will make none any more: no answer to our close can come.
    package mutating func undecodable(_ error: NIOWebSocketError) -> Action {
        if case .over = self.state { return .none }
        self.state = .over
        return switch error {
        case .invalidFrameLength: Self.tooBig
        case .fragmentedControlFrame: .refuse(.protocolError, reason: "a control frame must not be fragmented")
        case .multiByteControlFrameLength: .refuse(.protocolError, reason: "a control frame has at most 125 bytes")
        }
    }

    private static let tooBig = Action.refuse(.messageTooBig, reason: "the message is too large")

    private mutating func judge(_ frame: WebSocketFrame) -> Action {
        guard frame.maskKey != nil else {
            return .refuse(.protocolError, reason: "a client's frames must be masked")
        }
        guard !frame.rsv1, !frame.rsv2, !frame.rsv3 else {
            return .refuse(.protocolError, reason: "no extension was negotiated")
        }
        switch (frame.opcode, self.state) {
        case (.ping, _):
            return .answerPing(frame.unmaskedData)
        case (.pong, _):
            return .none
        case (.connectionClose, _):
            return Self.judgeClose(frame.unmaskedData)
        case (.text, .betweenMessages), (.binary, .betweenMessages):
            return self.judge(frame, of: Message(isText: frame.opcode == .text))
        case (.continuation, .withinMessage(let message)):
            return self.judge(frame, of: message)
        case (.text, _), (.binary, _):
            return .refuse(.protocolError, reason: "a message begins within another")
        case (.continuation, _):
            return .refuse(.protocolError, reason: "there is no message to continue")
        default:
            return .refuse(.protocolError, reason: "unknown opcode")
        }
    }

    private mutating func judge(_ frame: WebSocketFrame, of message: Message) -> Action {
        var message = message
        message.bytes += frame.length
        if message.bytes > self.maximumMessageBytes { return Self.tooBig }
        if message.isText {
            let isValid = message.text.accepts(frame.unmaskedData.readableBytesView)
            guard isValid, !frame.fin || message.text.isAtBoundary else {
                return .refuse(.notUTF8, reason: "a text message must be UTF-8")
            }
        }
        self.state = frame.fin ? .betweenMessages : .withinMessage(message)
        return .message(isText: message.isText, isComplete: frame.fin)
    }

    /// No code at all is as good as a good one (RFC 6455, section 7.1.5).
    private static func judgeClose(_ payload: ByteBuffer) -> Action {
        var payload = payload
        if payload.readableBytes == 0 { return .answerClose(CloseCode.normal.rawValue) }
        guard let code = payload.readInteger(as: UInt16.self), self.mayBeSent(code) else {
            return .answerClose(CloseCode.protocolError.rawValue, reason: "the close code is not valid")
        }
        var text = UTF8Check()
        guard text.accepts(payload.readableBytesView), text.isAtBoundary else {
            return .answerClose(CloseCode.notUTF8.rawValue, reason: "a close reason must be UTF-8")
        }
        return .answerClose(code)
    }

    /// RFC 6455, section 7.4, and its registry at IANA: 1004 is reserved, 1005, 1006 and 1015 only ever stand for a close
    /// without code; up to 2999 the rest is not assigned.
    private static func mayBeSent(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
