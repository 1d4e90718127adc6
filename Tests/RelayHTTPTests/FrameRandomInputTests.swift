import NIOCore
import NIOEmbedded
import NIOWebSocket
import RelayHTTP
import RelayTestSupport
import Testing

struct FrameRandomInputTests {
    /// Frames with random heads, cut and joined at random, and some that are right.
    @Test
    func `whatever bytes come, it goes on or ends with one close of a documented code`() throws {
        var random = RandomTests.generator("random frames")
        let documented: Set<UInt16> = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]
        for _ in 0..<(2000 * RandomTests.size) {
            let subscriber = try SubscriberUnderTest()
            var bytes = ByteBuffer()
            for _ in 0..<Int.random(in: 1...6, using: &random) { bytes.writeImmutableBuffer(Self.frame(&random)) }
            while bytes.readableBytes > 0 {
                let length = Int.random(in: 1...bytes.readableBytes, using: &random)
                if let piece = bytes.readSlice(length: length) { subscriber.receive(piece) }
            }
            let sent = try subscriber.sent()
            #expect(sent.dropLast().allSatisfy { $0.opcode == .pong })
            guard let code = sent.last?.closeCode else {
                #expect(subscriber.channel.isActive)
                continue
            }
            #expect(documented.contains(code) || (3000...4999).contains(code), "\(code)")
            subscriber.loop.advanceTime(by: Subscriber.closeTimeout)
            #expect(!subscriber.channel.isActive)
        }
    }

    private static func frame(_ random: inout SeededGenerator) -> ByteBuffer {
        let payload = (0..<Int.random(in: 0...140, using: &random)).map { _ in
            UInt8.random(in: 0x20...0x7E, using: &random)
        }
        switch Int.random(in: 0...9, using: &random) {
        case 0...4:
            let opcode: UInt8 = [0x0, 0x1, 0x2, 0x9, 0xA].randomElement(using: &random) ?? 0
            return WebSocketTestClient.frame(opcode, Array(payload.prefix(125)), isFinal: Bool.random(using: &random))
        case 5:
            let code = UInt16.random(in: 900...5100, using: &random)
            return WebSocketTestClient.frame(0x8, [UInt8(code >> 8), UInt8(code & 0xff)] + payload.prefix(60))
        case 6...8:
            var frame = WebSocketTestClient.frame(UInt8.random(in: 0...15, using: &random), payload)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<frame.writerIndex, using: &random)
                frame.setInteger(UInt8.random(in: 0...255, using: &random), at: place)
            }
            return frame
        default:
            return ByteBuffer(bytes: payload.map { _ in UInt8.random(in: 0...255, using: &random) })
        }
    }
}
