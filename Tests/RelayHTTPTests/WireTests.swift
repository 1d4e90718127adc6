import Foundation
import NIOCore
import NIOEmbedded
import NIOWebSocket
import RelayCore
import RelayHTTP
import RelayTestSupport
import Testing

struct WireTests {
    private func json(_ message: WireMessage) -> String {
        var buffer = ByteBuffer()
        buffer.writeJSON(message)
        return String(buffer: buffer)
    }

    private func event(_ payload: Payload, id: Int64 = 1_795_377_600_123_456) -> Event {
        Event(
            id: EventID(id),
            channel: "people",
            time: Timestamp(microseconds: 1_795_377_600_123_456),
            payload: payload
        )
    }

    @Test
    func `messages have the documented fields in the documented order`() {
        #expect(
            self.json(.event(self.event(Payload(#"{"name":"Paul"}"#))))
                == #"{"type":"event","id":1795377600123456,"channel":"people","time":"2026-11-22T20:00:00.123456Z","payload":"{\"name\":\"Paul\"}"}"#
        )
        let gap = Gap(id: 30, channel: nil, after: 20, before: 31, lost: 42, reason: .evicted)
        #expect(
            self.json(.gap(gap, channel: "people"))
                == #"{"type":"gap","id":30,"channel":"people","after":20,"before":31,"lost":42,"reason":"evicted"}"#
        )
        #expect(self.json(.live(id: 7, logID: "8f14e45f")) == #"{"type":"live","id":7,"log":"8f14e45f"}"#)
    }

    @Test(arguments: SeededGenerator.seeds(fixed: 2, new: 2))
    func `any payload comes back from JSON as it went in`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let alphabet: [Character] = [
            "a", "\"", "\\", "/", "\n", "\r", "\t", "\u{0}", "\u{1f}", "\u{7f}", "é", "日", "😀", "\u{2028}",
        ]
        for _ in 0..<500 {
            let text = String(
                (0..<Int.random(in: 0...40, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "a" }
            )
            let envelope = try Envelope(parsing: self.json(.event(self.event(Payload(text)))))
            #expect(envelope.payload.map { Array($0.utf8) } == Array(text.utf8))
        }
    }

    @Test
    func `bytes that are no UTF-8 are mended, and stand beside in full`() throws {
        for count in 0...7 {
            let bytes = [UInt8](repeating: 0xff, count: count) + [0xfe]
            let envelope = try Envelope(parsing: self.json(.event(self.event(Payload(bytes)))))
            #expect(envelope.payload == String(decoding: bytes, as: UTF8.self))
            #expect(envelope.payload_base64.flatMap { Data(base64Encoded: $0) } == Data(bytes))
        }
    }

    @Test(arguments: [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
    func `a frame is what a WebSocket decoder reads`(length: Int) throws {
        let channel = EmbeddedChannel(handler: ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: 1 << 20)))
        var buffer = ByteBuffer()
        buffer.writeWebSocketFrame(.text, ByteBuffer(repeating: 65, count: length).readableBytesView)
        try channel.writeInbound(buffer)
        let frame = try #require(try channel.readInbound(as: WebSocketFrame.self))
        #expect(frame.fin && frame.opcode == .text && frame.maskKey == nil && frame.data.readableBytes == length)
        #expect(try channel.finish().isClean)
    }

    /// Room is made for the longest that a message can become; the header is as long as what it became needs.
    @Test(
        arguments: [0, 1, 5, 10, 15, 20, 7_999, 8_700, 10_813, 10_814, 65_300, 65_536, 200_000],
        [UInt8(0x61), 0xff, 0x01]
    )
    func `an enveloped frame is what a WebSocket decoder reads, whatever room was made for it`(
        count: Int,
        byte: UInt8
    )
        throws
    {
        for length in count..<count + (count < 100 ? 5 : 1) {
            let message = WireMessage.event(self.event(Payload([UInt8](repeating: byte, count: length))))
            try self.expectFrame(of: message)
        }
    }

    @Test
    func `frames around the lengths at which their headers grow are what a WebSocket decoder reads`() throws {
        for length in 0...150 { try self.expectFrame(of: .live(id: 1, logID: String(repeating: "x", count: length))) }
        for length in 65_370...65_500 {
            try self.expectFrame(of: .event(self.event(Payload(String(repeating: "x", count: length)))))
        }
    }

    private func expectFrame(of message: WireMessage) throws {
        // Not at the beginning of a buffer, and something behind it.
        var buffer = ByteBuffer(string: "before")
        buffer.writeFrame(message)
        buffer.writeFrame(.live(id: 7, logID: "behind"))
        buffer.moveReaderIndex(forwardBy: 6)
        let channel = EmbeddedChannel(handler: ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: 1 << 21)))
        try channel.writeInbound(buffer)
        let frames = try (0..<2).map { _ in try #require(try channel.readInbound(as: WebSocketFrame.self)) }
        #expect(frames.allSatisfy { $0.fin && $0.opcode == .text && $0.maskKey == nil })
        #expect(String(buffer: frames[0].data) == self.json(message))
        #expect(String(buffer: frames[1].data) == self.json(.live(id: 7, logID: "behind")))
        #expect(try channel.finish().isClean)
    }

    @Test
    func `the longest that a message can become has room`() throws {
        let channel = try ChannelName(String(repeating: "\u{1}", count: ChannelName.maximumBytes))
        for extreme in [Int64.min, .max] {
            let (id, time) = (EventID(extreme), Timestamp(microseconds: extreme))
            for payload in [
                Payload(String(repeating: "\u{1}", count: 8_000)), Payload([UInt8](repeating: 0xff, count: 8_000)),
            ] {
                let event = Event(id: id, channel: channel, time: time, payload: payload)
                #expect(try Envelope(parsing: self.json(.event(event))).id == extreme)
            }
            let gap = Gap(id: id, channel: channel, after: id, before: id, lost: Int(extreme), reason: .disconnected)
            #expect(try Envelope(parsing: self.json(.gap(gap, channel: channel))).lost == Int(extreme))
        }
    }

    @Test
    func `every character is escaped as it must be, wherever it stands`() {
        func escaped(_ scalar: UInt8) -> String {
            switch scalar {
            case UInt8(ascii: "\""): #"\""#
            case UInt8(ascii: "\\"): #"\\"#
            case UInt8(ascii: "\n"): #"\n"#
            case UInt8(ascii: "\r"): #"\r"#
            case UInt8(ascii: "\t"): #"\t"#
            case 0..<0x20: #"\u00"# + (scalar < 16 ? "0" : "") + String(scalar, radix: 16)
            default: String(UnicodeScalar(scalar))
            }
        }
        // Their neighbours among the bytes that are looked at together could be taken for them.
        for fill in [UInt8(0x20), 0x21, 0x23, 0x5b, 0x5d, 0x7f] {
            for length in 1...17 {
                for place in 0..<length {
                    for scalar in UInt8(0)...127 {
                        var text = [UInt8](repeating: fill, count: length)
                        text[place] = scalar
                        var buffer = ByteBuffer()
                        buffer.writeJSONString(String(decoding: text, as: UTF8.self))
                        let expected = "\"" + text.map(escaped).joined() + "\""
                        if String(buffer: buffer) != expected {
                            Issue.record("\(text) became \(String(buffer: buffer))")
                        }
                    }
                }
            }
        }
    }

    @Test
    func `a number is written as it is`() {
        var numbers: [Int64] = [.min, .max, 0, -1]
        var power: Int64 = 1
        for _ in 0...17 {
            power *= 10
            numbers += [power, power - 1, -power, 1 - power]
        }
        for number in numbers {
            var buffer = ByteBuffer()
            buffer.writeJSONNumber(number)
            #expect(String(buffer: buffer) == "\(number)")
        }
    }

    @Test
    func `what is kept takes little more than its frames`() {
        for count in [1, 3, 100] {
            let entries = (1...count).map {
                LogEntry.event(self.event(Payload(String(repeating: "x", count: 200)), id: Int64($0)))
            }
            let buffer = EncodedFrames(entries, channel: "people", kind: .enveloped).buffer
            #expect(buffer.storageCapacity <= 2 * buffer.readableBytes)
        }
    }

    @Test
    func `a close reason is cut between characters`() throws {
        var buffer = ByteBuffer()
        buffer.writeWebSocketClose(.goingAway, reason: String(repeating: "é", count: 100))
        let channel = EmbeddedChannel(handler: ByteToMessageHandler(WebSocketFrameDecoder()))
        try channel.writeInbound(buffer)
        var data = try #require(try channel.readInbound(as: WebSocketFrame.self)).data
        #expect(data.readInteger(as: UInt16.self) == 1001)
        #expect(String(buffer: data) == String(repeating: "é", count: 61))
        #expect(try channel.finish().isClean)
    }

    @Test
    func `frames after an id are the rest of the same bytes`() {
        let entries = (1...5).map { LogEntry.event(self.event(Payload("\($0)"), id: Int64($0 * 10))) }
        let frames = EncodedFrames(entries, channel: "people", kind: .raw)
        let all = Array(frames.buffer.readableBytesView)
        #expect(Array(frames.after(0).readableBytesView) == all)
        #expect(Array(frames.after(30).readableBytesView) == Array(all.suffix(6)))
        #expect(Array(frames.after(35).readableBytesView) == Array(all.suffix(6)))
        #expect(frames.after(50).readableBytes == 0)
    }

    @Test
    func `a batch has frames for its channels only, and gaps of all channels for each`() {
        let event = LogEntry.event(self.event(Payload("x"), id: 2))
        let gap = LogEntry.gap(Gap(id: 3, channel: nil, after: 2, before: 4, reason: .disconnected))
        let plain = FrameBatch(AppendedBatch(after: 1, last: 2, entries: [event], evictedThrough: 0))
        #expect(plain.frames(of: "other", .enveloped).isEmpty)
        #expect(!plain.frames(of: "people", .raw).isEmpty)
        let withGap = FrameBatch(AppendedBatch(after: 1, last: 3, entries: [event, gap], evictedThrough: 0))
        #expect(!withGap.frames(of: "other", .enveloped).isEmpty)
        #expect(withGap.frames(of: "other", .raw).isEmpty)
        #expect(withGap.frames(of: "people", .raw).after(2).readableBytes == 0)
    }
}
