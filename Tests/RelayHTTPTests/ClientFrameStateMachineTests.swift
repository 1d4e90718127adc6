import NIOCore
import NIOWebSocket
import RelayHTTP
import RelayTestSupport
import Testing

struct ClientFrameStateMachineTests {
    private typealias Action = ClientFrameStateMachine.Action

    private static let maximumBytes = 1000

    private func makeMachine() -> ClientFrameStateMachine {
        ClientFrameStateMachine(maximumMessageBytes: Self.maximumBytes)
    }

    /// The outcomes of frames, one after the other.
    private func outcomes(_ frames: WebSocketFrame...) -> [Action] {
        var machine = self.makeMachine()
        return frames.map { machine.received($0) }
    }

    private func code(_ action: Action?) -> UInt16? {
        guard case .refuse(let code, _) = action else { return nil }
        return code.rawValue
    }

    @Test
    func `messages are passed on, whole and in fragments, with control frames between`() {
        let outcomes = self.outcomes(
            .masked(.text, "hello"),
            .masked(.binary, "he", fin: false),
            .masked(.ping, "?"),
            .masked(.continuation, "", fin: false),
            .masked(.pong, "!"),
            .masked(.continuation, "llo"),
            .masked(.text, "")
        )
        #expect(
            outcomes == [
                .message(isText: true, isComplete: true), .message(isText: false, isComplete: false),
                .answerPing(ByteBuffer(string: "?")), .message(isText: false, isComplete: false), .none,
                .message(isText: false, isComplete: true), .message(isText: true, isComplete: true),
            ]
        )
    }

    @Test
    func `a frame that is not masked is refused, whatever it is`() {
        for opcode in [WebSocketOpcode.text, .binary, .continuation, .ping, .pong, .connectionClose] {
            let frame = WebSocketFrame(fin: true, opcode: opcode, data: ByteBuffer())
            #expect(self.code(self.outcomes(frame).last) == 1002)
        }
    }

    @Test(arguments: 1...7)
    func `a reserved bit is refused, whatever the frame`(bits: Int) {
        for opcode in [WebSocketOpcode.text, .ping, .connectionClose] {
            var frame = WebSocketFrame.masked(opcode, "")
            (frame.rsv1, frame.rsv2, frame.rsv3) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0)
            #expect(self.code(self.outcomes(frame).last) == 1002)
        }
    }

    @Test(arguments: [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] as [UInt8])
    func `a reserved opcode is refused, also within a message`(number: UInt8) throws {
        let opcode = try #require(WebSocketOpcode(encodedWebSocketOpcode: number))
        #expect(self.code(self.outcomes(.masked(opcode, "")).last) == 1002)
        #expect(self.code(self.outcomes(.masked(.text, "", fin: false), .masked(opcode, "")).last) == 1002)
    }

    @Test
    func `fragments have to stand in order`() {
        #expect(self.code(self.outcomes(.masked(.continuation, "")).last) == 1002)
        #expect(self.code(self.outcomes(.masked(.continuation, "", fin: false)).last) == 1002)
        let begun = WebSocketFrame.masked(.text, "a", fin: false)
        #expect(self.code(self.outcomes(begun, .masked(.text, "b")).last) == 1002)
        #expect(self.code(self.outcomes(begun, .masked(.binary, "b", fin: false)).last) == 1002)
        let ended = WebSocketFrame.masked(.continuation, "b")
        #expect(self.code(self.outcomes(begun, ended, ended).last) == 1002)
    }

    @Test
    func `a message is bounded over all its fragments, and the next begins anew`() {
        let half = String(repeating: "x", count: Self.maximumBytes / 2)
        let begun = WebSocketFrame.masked(.text, half, fin: false)
        let whole = self.outcomes(begun, .masked(.continuation, half), begun, .masked(.continuation, half))
        #expect(whole.allSatisfy { self.code($0) == nil })
        let over = self.outcomes(begun, .masked(.continuation, half, fin: false), .masked(.continuation, "x"))
        #expect(over.map { self.code($0) } == [nil, nil, 1009])
    }

    @Test
    func `text has to be UTF-8, and is refused with the fragment that breaks it`() {
        let first = WebSocketFrame.masked(.text, [0x61, 0xF0, 0x9F], fin: false)
        let good = self.outcomes(first, .masked(.continuation, [0x98], fin: false), .masked(.continuation, [0x80]))
        #expect(good.allSatisfy { self.code($0) == nil })
        #expect(self.outcomes(first, .masked(.continuation, [0x28], fin: false)).map { self.code($0) } == [nil, 1007])
        // Cut off at the end of the message.
        #expect(self.outcomes(first, .masked(.continuation, [0x98])).map { self.code($0) } == [nil, 1007])
        #expect(self.code(self.outcomes(.masked(.text, [0xC3])).last) == 1007)
        // Binary is whatever it is.
        #expect(self.code(self.outcomes(.masked(.binary, [0xFF])).last) == nil)
    }

    @Test
    func `a close is answered with its code, and 1000 where it has none`() {
        #expect(self.outcomes(.masked(.connectionClose, "")) == [.answerClose(1000)])
        for code: UInt16 in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4999] {
            #expect(self.outcomes(.close(code, Array("bye 😀".utf8))) == [.answerClose(code)])
        }
    }

    @Test
    func `a close with half a code, a code nobody may send or a reason that is no text is answered with what is wrong`()
    {
        func answer(_ frame: WebSocketFrame) -> UInt16? {
            if case .answerClose(let code, _) = self.outcomes(frame).last { code } else { nil }
        }
        #expect(answer(.masked(.connectionClose, [0x03])) == 1002)
        for code: UInt16 in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
            #expect(answer(.close(code, [])) == 1002, "\(code)")
        }
        #expect(answer(.close(1000, [0xFF])) == 1007)
        #expect(answer(.close(1000, [0x61, 0xE2, 0x82])) == 1007)
    }

    @Test
    func `after a close or a broken rule nothing counts any more`() {
        let ping = WebSocketFrame.masked(.ping, "?")
        #expect(
            self.outcomes(.masked(.connectionClose, ""), ping, .masked(.text, [0xFF])).dropFirst() == [.none, .none]
        )
        #expect(self.outcomes(.masked(.continuation, ""), ping, ping).dropFirst() == [.none, .none])
        var machine = self.makeMachine()
        #expect(self.code(machine.undecodable(.fragmentedControlFrame)) == 1002)
        #expect(machine.undecodable(.invalidFrameLength) == .none)
        #expect(machine.received(ping) == .none)
    }

    @Test(arguments: [
        (NIOWebSocketError.invalidFrameLength, UInt16(1009)), (.fragmentedControlFrame, 1002),
        (.multiByteControlFrameLength, 1002),
    ])
    func `what the decoder refuses has its code`(error: NIOWebSocketError, code: UInt16) {
        var machine = self.makeMachine()
        #expect(self.code(machine.undecodable(error)) == code)
    }
}

extension WebSocketFrame {
    static func masked(_ opcode: WebSocketOpcode, _ payload: [UInt8], fin: Bool = true) -> WebSocketFrame {
        let key = WebSocketMaskingKey([1, 2, 3, 4])
        var data = ByteBuffer(bytes: payload)
        if let key { data.webSocketMask(key) }
        return WebSocketFrame(fin: fin, opcode: opcode, maskKey: key, data: data)
    }

    static func masked(_ opcode: WebSocketOpcode, _ payload: String, fin: Bool = true) -> WebSocketFrame {
        self.masked(opcode, Array(payload.utf8), fin: fin)
    }

    static func close(_ code: UInt16, _ reason: [UInt8]) -> WebSocketFrame {
        self.masked(.connectionClose, [UInt8(code >> 8), UInt8(code & 0xff)] + reason)
    }
}
