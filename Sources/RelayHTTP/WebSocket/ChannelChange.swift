import FoundationEssentials
import NIOCore
import RelayCore

/// What a client asks for on its open WebSocket: `{"subscribe":["c"]}`, `{"unsubscribe":["a"]}`, or both.
struct ChannelChange: Decodable, Equatable {
    let subscribe: [String]?
    let unsubscribe: [String]?

    /// Bytes of a request: as many names as a connection may have, each of their bytes escaped, and some.
    static let maximumBytes = 48 << 10

    /// - Returns: nil for whatever is none: it is ignored, like every other message of a client.
    init?(_ message: ByteBuffer) {
        // Nothing else is worth a parser's time.
        guard message.readableBytes <= Self.maximumBytes, message.readableBytesView.first == UInt8(ascii: "{") else {
            return nil
        }
        let change = try? JSONDecoder().decode(Self.self, from: Data(message.readableBytesView))
        guard let change, change.subscribe != nil || change.unsubscribe != nil else { return nil }
        self = change
    }
}
