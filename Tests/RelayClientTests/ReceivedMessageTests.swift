import Foundation
import NIOCore
import RelayClient
import RelayTestSupport
import Testing

struct ReceivedMessageTests {
    private func parse(_ text: String) throws -> ReceivedMessage {
        try ReceivedMessage(parsing: ByteBuffer(string: text))
    }

    @Test
    func `each message of the protocol is read`() throws {
        let time = "2026-11-22T22:27:08.746337Z"
        #expect(
            try self.parse(
                #"{"type":"event","id":7,"channel":"people","time":"\#(time)","payload":"{\"name\":\"Paul\"}"}"#
            )
                == .message(.event(Event(id: 7, channel: "people", time: time, payload: #"{"name":"Paul"}"#)))
        )
        #expect(
            try self.parse(
                #"{"type":"gap","id":8,"channel":null,"after":7,"before":9,"lost":null,"reason":"restarted"}"#
            )
                == .message(.gap(Gap(id: 8, channel: nil, after: 7, before: 9, lost: nil, reason: .restarted)))
        )
        #expect(
            try self.parse(#"{"type":"gap","id":8,"channel":"a","after":7,"before":9,"lost":42,"reason":"new"}"#)
                == .message(
                    .gap(Gap(id: 8, channel: "a", after: 7, before: 9, lost: 42, reason: Gap.Reason(rawValue: "new")))
                )
        )
        #expect(try self.parse(#"{"type":"live","id":9,"log":"654b"}"#) == .message(.live(Live(id: 9, log: "654b"))))
        #expect(
            try self.parse(#"{"type":"subscribed","id":9,"channels":["c"]}"#)
                == .answer(ChannelAnswer(.subscribed, id: 9))
        )
        #expect(
            try self.parse(#"{"type":"refused","id":9,"channels":["c"],"status":403,"detail":"no"}"#)
                == .answer(ChannelAnswer(.refused(Refused(status: 403, detail: "no")), id: 9))
        )
    }

    @Test
    func `fields and types that are not known are passed over`() throws {
        #expect(
            try self.parse(#"{"type":"live","new":{"a":[1,{}]},"id":9,"log":"x"}"#)
                == .message(.live(Live(id: 9, log: "x")))
        )
        #expect(try self.parse(#"{"type":"weather","id":9,"wind":3}"#) == .unknown(id: 9))
        #expect(try self.parse(#"{"type":"weather"}"#) == .unknown(id: nil))
    }

    @Test
    func `payloads are exact: control characters, escapes of every kind, other planes, no UTF-8`() throws {
        let payloads = ["", "\u{1}\u{1f}\u{7f}\n\r\t\\\"/", "ä€😀\u{2028}\u{FEFF}e\u{301}", "\\u0041"]
        for payload in payloads {
            let json = try #require(String(data: try JSONEncoder().encode(payload), encoding: .utf8))
            #expect(try self.event(#""payload":\#(json)"#).payload.utf8.elementsEqual(payload.utf8))
        }
        #expect(try self.event(#""payload":"\ud83d\ude00\u00e4\/\b\f""#).payload == "😀ä/\u{8}\u{c}")
        let broken = try self.event(#""payload":"a\ufffd","payload_base64":"Yf8=""#)
        #expect(broken.payload == "a\u{fffd}" && broken.payloadBytes == [0x61, 0xff])
        #expect(try self.event(#""payload":"a""#).payloadBytes == [0x61])
    }

    private func event(_ payload: String) throws -> Event {
        let message = try self.parse(#"{"type":"event","id":1,"channel":"a","time":"t",\#(payload)}"#)
        guard case .message(.event(let event)) = message else { throw Loss.unintelligible("\(message)") }
        return event
    }

    @Test(arguments: [
        "", "{", "[]", "null", "{}", #"{"type":1}"#, #"{"type":"event"}"#, #"{"type":"live","id":1}"#,
        #"{"type":"live","id":"1","log":"x"}"#, #"{"type":"live","id":1.5,"log":"x"}"#,
        #"{"type":"live","id":-1,"log":"x"}"#,
        #"{"type":"live","id":9007199254740992,"log":"x"}"#, #"{"type":"live","id":1e300,"log":"x"}"#,
        #"{"type":"live","id":1,"log":""}"#, #"{"type":"weather","id":-1}"#,
        #"{"type":"event","id":1,"channel":"a","time":"t","payload":"\ud83d"}"#,
        #"{"type":"event","id":1,"channel":"a","time":"t","payload":"","payload_base64":"?"}"#,
        #"{"type":"gap","id":1,"channel":"a","after":1,"before":2}"#, #"{"type":"refused","id":1,"detail":"x"}"#,
    ])
    func `what is no message is told apart`(text: String) {
        #expect(throws: Loss.self) { try self.parse(text) }
    }

    @Test
    func `a log's name that the relay would refuse to hear again is none`() throws {
        let longest = String(repeating: "x", count: 64)
        _ = try self.parse(#"{"type":"live","id":1,"log":"\#(longest)"}"#)
        #expect(throws: Loss.self) { try self.parse(#"{"type":"live","id":1,"log":"x\#(longest)"}"#) }
    }

    @Test
    func `the greatest id is exact`() throws {
        #expect(try self.parse(#"{"type":"x","id":9007199254740991}"#) == .unknown(id: 9_007_199_254_740_991))
    }

    @Test
    func `no bytes at all end the program`() throws {
        var generator = RandomTests.generator("bytes for the message parser")
        let valid = Array(
            #"{"type":"event","id":7,"channel":"a","time":"t","payload":"\u00e4\n","payload_base64":"Yf8="}"#.utf8
        )
        for _ in 0..<2000 * RandomTests.size {
            var bytes = valid
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: index)
                default: bytes.insert(contentsOf: bytes[index...].prefix(8), at: index)
                }
            }
            // It returns or throws, and what it returns has an id that may be asked for.
            guard let message = try? ReceivedMessage(parsing: ByteBuffer(bytes: bytes)) else { continue }
            if case .message(let message) = message { #expect((0..<Position.idLimit).contains(message.id)) }
        }
        #expect(throws: Loss.self) { try self.parse(String(repeating: "[", count: 100_000)) }
    }
}
