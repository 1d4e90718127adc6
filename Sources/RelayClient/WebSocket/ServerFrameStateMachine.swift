package import NIOCore
package import NIOWebSocket

/// Judges what comes from a relay, frame by frame, and puts messages together: those behind a proxy may come in fragments.
///
/// The decoder before it keeps frames whole and control frames short, and refuses a frame that is too long before its
/// bytes have come.
package struct ServerFrameStateMachine {
    private enum State {
        case betweenMessages
        case withinMessage(ByteBuffer, fragments: Int)
        /// Becomes nothing else.
        case over
    }

    package enum Action: Equatable {
        case none
        case message(ByteBuffer)
        case answerPing(ByteBuffer)
        /// Answer it with the same code, and cut the connection.
        case closed(code: UInt16?, reason: String)
        case refuse(String)
    }

    /// The longest message of the relay is an event whose 7,999 bytes are six each as JSON, and come again as base 64:
    /// below 64 KiB. This leaves room for payloads that grow.
    package static let maximumMessageBytes = 1 << 20

    /// A proxy that cuts the longest message by the kibibyte needs as many. Without it a message of empty fragments would
    /// never end.
    package static let maximumFragments = 1024

    private var state = State.betweenMessages

    package init() {}

    package mutating func received(_ frame: WebSocketFrame) -> Action {
        if case .over = self.state { return .none }
        let action = self.judge(frame)
        switch action {
        case .closed, .refuse: self.state = .over
        case .none, .message, .answerPing: break
        }
        return action
    }

    private mutating func judge(_ frame: WebSocketFrame) -> Action {
        guard frame.maskKey == nil else { return .refuse("a masked frame") }
        guard !frame.rsv1, !frame.rsv2, !frame.rsv3 else { return .refuse("an extension that was not agreed on") }
        // Not within the switch, which would hold a second copy of the message.
        if frame.opcode == .continuation { return self.append(frame) }
        switch (frame.opcode, self.state) {
        case (.ping, _):
            return .answerPing(frame.data)
        case (.pong, _):
            return .none
        case (.connectionClose, _):
            return Self.judgeClose(frame.data)
        case (.text, .betweenMessages):
            return self.gather(frame.data, fragments: 1, isComplete: frame.fin)
        default:
            return Self.misplaced
        }
    }

    private static let misplaced = Action.refuse("a frame that has no place there")

    private mutating func append(_ frame: WebSocketFrame) -> Action {
        guard case .withinMessage(var message, let fragments) = self.state else { return Self.misplaced }
        // The bytes of all fragments are counted together.
        guard message.readableBytes + frame.length <= Self.maximumMessageBytes else {
            return .refuse("a message over \(Self.maximumMessageBytes) bytes")
        }
        guard fragments < Self.maximumFragments else {
            return .refuse("a message of over \(Self.maximumFragments) fragments")
        }
        // Held here alone, so that writing copies nothing that came before.
        self.state = .betweenMessages
        message.writeImmutableBuffer(frame.data)
        return self.gather(message, fragments: fragments + 1, isComplete: frame.fin)
    }

    private mutating func gather(_ bytes: ByteBuffer, fragments: Int, isComplete: Bool) -> Action {
        self.state = isComplete ? .betweenMessages : .withinMessage(bytes, fragments: fragments)
        return isComplete ? .message(bytes) : .none
    }

    private static func judgeClose(_ payload: ByteBuffer) -> Action {
        var payload = payload
        guard let code = payload.readInteger(as: UInt16.self) else { return .closed(code: nil, reason: "") }
        return .closed(code: code, reason: String(buffer: payload))
    }
}
