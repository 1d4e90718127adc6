import NIOCore
import NIOWebSocket
import RelayClient
import Testing

struct ServerFrameStateMachineTests {
    private func frame(
        _ opcode: WebSocketOpcode,
        _ text: String = "",
        fin: Bool = true,
        rsv1: Bool = false,
        mask: WebSocketMaskingKey? = nil
    ) -> WebSocketFrame {
        WebSocketFrame(fin: fin, rsv1: rsv1, opcode: opcode, maskKey: mask, data: ByteBuffer(string: text))
    }

    @Test
    func `messages come whole or in fragments, with pings between`() {
        var frames = ServerFrameStateMachine()
        #expect(frames.received(self.frame(.text, "one")) == .message(ByteBuffer(string: "one")))
        #expect(frames.received(self.frame(.text, "t", fin: false)) == .none)
        #expect(frames.received(self.frame(.ping, "p")) == .answerPing(ByteBuffer(string: "p")))
        #expect(frames.received(self.frame(.continuation, "w", fin: false)) == .none)
        #expect(frames.received(self.frame(.pong)) == .none)
        #expect(frames.received(self.frame(.continuation, "o")) == .message(ByteBuffer(string: "two")))
    }

    @Test
    func `fragments are counted together`() {
        var frames = ServerFrameStateMachine()
        let half = String(repeating: "x", count: ServerFrameStateMachine.maximumMessageBytes / 2)
        #expect(frames.received(self.frame(.text, half, fin: false)) == .none)
        #expect(frames.received(self.frame(.continuation, half, fin: false)) == .none)
        guard case .refuse = frames.received(self.frame(.continuation, "x")) else {
            Issue.record("a message of any length")
            return
        }
    }

    @Test
    func `a message in fragments without end is refused`() {
        var frames = ServerFrameStateMachine()
        #expect(frames.received(self.frame(.text, fin: false)) == .none)
        for _ in 1..<ServerFrameStateMachine.maximumFragments {
            #expect(frames.received(self.frame(.continuation, fin: false)) == .none)
        }
        guard case .refuse = frames.received(self.frame(.continuation)) else {
            Issue.record("any number of fragments")
            return
        }
    }

    @Test
    func `a close has a code, or none`() {
        var frames = ServerFrameStateMachine()
        let close = WebSocketFrame(fin: true, opcode: .connectionClose, data: ByteBuffer(bytes: [3, 233, 97]))
        #expect(frames.received(close) == .closed(code: 1001, reason: "a"))
        // Nothing counts after it.
        #expect(frames.received(self.frame(.text, "x")) == .none)
        frames = ServerFrameStateMachine()
        #expect(frames.received(self.frame(.connectionClose)) == .closed(code: nil, reason: ""))
    }

    @Test
    func `what no relay sends ends it`() {
        let frames: [[WebSocketFrame]] = [
            [self.frame(.text, "x", mask: [1, 2, 3, 4])], [self.frame(.text, "x", rsv1: true)], [self.frame(.binary)],
            [self.frame(.continuation)], [self.frame(.text, fin: false), self.frame(.text)],
            [self.frame(WebSocketOpcode(encodedWebSocketOpcode: 0x3)!)],
        ]
        for frames in frames {
            var machine = ServerFrameStateMachine()
            let last = frames.map { machine.received($0) }.last
            guard case .refuse = last else {
                Issue.record("taken: \(frames)")
                continue
            }
            #expect(machine.received(self.frame(.text, "x")) == .none)
        }
    }
}
