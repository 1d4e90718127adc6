import NIOCore
import RelayTestSupport

/// Peers that mean no good, or whose host dies: each does its worst on a connection of its own, and then is gone.
enum HostilePeers: CaseIterable {
    case resetsAtOnce, goesWithoutAWord, sendsHalfARequest, sendsNoHTTP, sendsLongHeaders, leavesHandshake
    case pipelinesWithoutReading, pipelinesHeadsWithoutReading, breaksFrames, pingsWithoutReading, asksForChannels
    case resetsWebSocket

    static let handshake =
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

    static func upgrade(to channel: String) -> String {
        "GET /listen/\(channel) HTTP/1.1\r\nHost: x\r\n" + Self.handshake
    }

    /// - Parameter number: which of many it is.
    func act(port: Int, number: Int) async throws {
        let reads: Bool
        switch self {
        case .pipelinesWithoutReading, .pipelinesHeadsWithoutReading, .pingsWithoutReading: reads = false
        default: reads = true
        }
        let client = try await RawTestClient.connect(port: port, reads: reads)
        // What the relay has closed by now can't be written to: that is its right.
        switch self {
        case .resetsAtOnce:
            return await client.reset()
        case .goesWithoutAWord:
            break
        case .sendsHalfARequest:
            try? await client.send("GET /health HTTP/1.1\r\nHost: ")
        case .sendsNoHTTP:
            try? await client.send("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\r\n\r\n")
            _ = try await client.whenEnded()
        case .sendsLongHeaders:
            try? await client.send("GET / HTTP/1.1\r\n" + (0..<70).map { "H\($0): \(Self.filler(1000))\r\n" }.joined())
            _ = try await client.whenEnded()
        case .leavesHandshake:
            try? await client.send("GET /listen/x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n")
        case .pipelinesWithoutReading:
            client.pile(Self.many("GET /health HTTP/1.1\r\nHost: x\r\n\r\n", 200))
        case .pipelinesHeadsWithoutReading:
            client.pile(Self.many("HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n", 200))
        case .breaksFrames:
            try? await client.send(Self.upgrade(to: "x"))
            try await client.whenReceived("\r\n\r\n")
            let bytes: [[UInt8]] = [[0x81, 0x00], [0xF1, 0x80, 0, 0, 0, 0], [0x09, 0x80, 0, 0, 0, 0], [0x88, 0x7F]]
            try? await client.send(ByteBuffer(bytes: bytes[number % bytes.count]))
        case .pingsWithoutReading:
            var bytes = ByteBuffer(string: Self.upgrade(to: "x"))
            for _ in 0..<500 {
                bytes.writeImmutableBuffer(WebSocketTestClient.frame(0x9, Array(repeating: 1, count: 125)))
            }
            client.pile(bytes)
        case .asksForChannels:
            try? await client.send(Self.upgrade(to: "channel-\(number)"))
            try await client.whenReceived("\r\n\r\n")
        case .resetsWebSocket:
            try? await client.send(Self.upgrade(to: "x"))
            try await client.whenReceived("\r\n\r\n")
            return await client.reset()
        }
        await client.close()
    }

    private static func filler(_ count: Int) -> String { String(repeating: "a", count: count) }

    private static func many(_ text: String, _ count: Int) -> ByteBuffer {
        ByteBuffer(string: String(repeating: text, count: count))
    }
}
