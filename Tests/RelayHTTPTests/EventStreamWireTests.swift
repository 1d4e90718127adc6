import NIOCore
import RelayCore
import RelayHTTP
import RelayTestSupport
import Testing

/// What is written for event streams, read as a browser reads it.
struct EventStreamWireTests {
    private func event(_ payload: Payload) -> WireMessage {
        .event(Event(id: 42, channel: "people", time: Timestamp(microseconds: 1), payload: payload))
    }

    private func text(_ message: WireMessage, _ kind: FrameKind) -> String {
        var buffer = ByteBuffer()
        buffer.write(message, as: kind)
        return String(buffer: buffer)
    }

    private func json(_ message: WireMessage) -> String {
        var buffer = ByteBuffer()
        buffer.writeJSON(message)
        return String(buffer: buffer)
    }

    private func read(_ text: String) -> [EventStreamParser.Event] {
        var parser = EventStreamParser()
        return parser.read(Array(text.utf8))
    }

    @Test(arguments: [FrameKind.eventStream, .rawEventStream])
    func `each message has its id, and gap and live their type`(kind: FrameKind) {
        let gap = Gap(id: 30, channel: nil, after: 20, before: 31, lost: 42, reason: .evicted)
        let messages: [(WireMessage, String, String)] = [
            (.gap(gap, channel: "people"), "gap", "30"), (.live(id: 7, logID: "8f14e45f"), "live", "7"),
        ]
        for (message, type, id) in messages {
            let expected = EventStreamParser.Event(type: type, id: id, data: self.json(message))
            #expect(self.read(self.text(message, kind)) == [expected])
        }
        #expect(self.text(self.event(Payload("a")), .rawEventStream) == "id: 42\ndata: a\n\n")
        let enveloped = self.event(Payload("a"))
        #expect(self.text(enveloped, .eventStream) == "id: 42\ndata: \(self.json(enveloped))\n\n")
    }

    @Test(arguments: [
        ("two\nlines", "two\nlines"), ("\n", "\n"), ("a\n", "a\n"), ("\n\na", "\n\na"), (" leading", " leading"),
        ("data: x\n\nid: 7\n\n", "data: x\n\nid: 7\n\n"), (":comment", ":comment"), ("ä€😀", "ä€😀"),
        // An event stream knows one end of a line.
        ("a\r\nb", "a\nb"), ("a\rb", "a\nb"), ("a\r", "a\n"), ("a\n\rb", "a\n\nb"), ("\r\r\n", "\n\n"),
    ])
    func `a payload of any lines is one event`(payload: String, data: String) {
        let events = self.read(self.text(self.event(Payload(payload)), .rawEventStream))
        #expect(events == [EventStreamParser.Event(id: "42", data: data)])
    }

    @Test
    func `an empty payload is passed over by readers, but not its id`() {
        var parser = EventStreamParser()
        #expect(parser.read(Array(self.text(self.event(Payload("")), .rawEventStream).utf8)).isEmpty)
        #expect(parser.lastEventID == "42")
    }

    @Test(arguments: SeededGenerator.seeds(fixed: 2, new: 2))
    func `any payloads come back one after the other, whole in the envelope, their lines in the raw form`(
        seed: UInt64
    ) throws {
        var random = SeededGenerator(seed: seed)
        let alphabet: [Character] = ["a", "\n", "\r", ":", " ", "\u{0}", "é", "😀", "d", "i"]
        let payloads = (0..<300).map { _ in
            "x"
                + String(
                    (0..<Int.random(in: 0...20, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
                )
        }
        let messages = payloads.map { self.event(Payload($0)) }
        let enveloped = self.read(messages.map { self.text($0, .eventStream) }.joined())
        #expect(try enveloped.map { try Envelope(parsing: $0.data).payload } == payloads)
        let raw = self.read(messages.map { self.text($0, .rawEventStream) }.joined())
        #expect(raw.map(\.data) == payloads.map(Self.withLineFeeds))
    }

    private static func withLineFeeds(_ text: String) -> String {
        var lines: [UInt8] = []
        var previous: UInt8 = 0
        for byte in text.utf8 {
            defer { previous = byte }
            if byte == UInt8(ascii: "\n") && previous == UInt8(ascii: "\r") { continue }
            lines.append(byte == UInt8(ascii: "\r") ? UInt8(ascii: "\n") : byte)
        }
        return String(decoding: lines, as: UTF8.self)
    }
}
