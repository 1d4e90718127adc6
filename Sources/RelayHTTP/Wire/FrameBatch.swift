import NIOCore
package import RelayCore
import Synchronization

/// A batch on its way to the subscribers: encoded once for each channel and kind that anybody wants, by the first event
/// loop that needs it, and shared by all.
package final class FrameBatch: Sendable {
    package let batch: AppendedBatch
    /// The channels that entries of the batch belong to.
    package let channels: Set<ChannelName>
    /// A gap concerns the subscribers of every channel.
    package let concernsAllChannels: Bool
    /// About the memory that the batch takes while it is kept.
    package let bytes: Int

    private struct Key: Hashable {
        let channel: ChannelName
        let kind: FrameKind
    }

    /// Taken once for each batch, channel, kind and loop, never for each client.
    private let encoded = Mutex<[Key: EncodedFrames]>([:])

    /// What an entry costs beside its payload: the entry itself, and its frames.
    private static let entryOverhead = 256

    package init(_ batch: AppendedBatch) {
        self.batch = batch
        var channels: Set<ChannelName> = []
        var concernsAllChannels = false
        var bytes = 0
        for entry in batch.entries {
            bytes += Self.entryOverhead
            if case .event(let event) = entry { bytes += 2 * event.payload.bytes.count }
            if let channel = entry.channel { channels.insert(channel) } else { concernsAllChannels = true }
        }
        self.channels = channels
        self.concernsAllChannels = concernsAllChannels
        self.bytes = bytes
    }

    package func frames(of channel: ChannelName, _ kind: FrameKind) -> EncodedFrames {
        guard self.concernsAllChannels || self.channels.contains(channel) else { return .none }
        return self.encoded.withLock { encoded in
            let key = Key(channel: channel, kind: kind)
            if let frames = encoded[key] { return frames }
            let entries = self.batch.entries.lazy.filter { $0.channel == channel || $0.channel == nil }
            let frames = EncodedFrames(entries, channel: channel, kind: kind)
            encoded[key] = frames
            return frames
        }
    }
}
