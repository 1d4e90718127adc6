import NIOCore
package import RelayCore
import Synchronization

/// A batch on its way to the subscribers: encoded once for each channel and kind that anybody wants, by the first event
/// loop that needs it, and shared by all.
package final class FrameBatch: Sendable {
    package let batch: AppendedBatch
    /// The channels that entries of the batch belong to; nil if a gap concerns the subscribers of every channel.
    package let channels: [ChannelName]?
    /// About the memory that the batch takes while it is kept.
    package let bytes: Int

    private struct Key: Hashable {
        let channel: ChannelName
        let kind: FrameKind
    }

    /// Taken once for each batch, channel, kind and loop, never for each client.
    private let encoded = Mutex<[Key: EncodedFrames]>([:])

    /// The places of each channel's entries.
    private let places: [ChannelName: [Int]]

    /// What an entry costs beside its payload: the entry itself, and its frames.
    private static let entryOverhead = 256
    /// What a batch costs however small it is: its places in the tails, and its frames' tables.
    private static let batchOverhead = 512

    package init(_ batch: AppendedBatch) {
        self.batch = batch
        var places: [ChannelName: [Int]] = [:]
        var concernsAll = false
        var bytes = Self.batchOverhead
        for (place, entry) in batch.entries.enumerated() {
            bytes += Self.entryOverhead
            if case .event(let event) = entry { bytes += 2 * event.payload.bytes.count }
            if let channel = entry.channel { places[channel, default: []].append(place) } else { concernsAll = true }
        }
        self.places = places
        self.channels = concernsAll ? nil : Array(places.keys)
        self.bytes = bytes
    }

    package func frames(of channel: ChannelName, _ kind: FrameKind) -> EncodedFrames {
        guard self.channels == nil || self.places[channel] != nil else { return .none }
        return self.encoded.withLock { encoded in
            let key = Key(channel: channel, kind: kind)
            if let frames = encoded[key] { return frames }
            let frames = EncodedFrames(self.entries(of: channel), channel: channel, kind: kind)
            encoded[key] = frames
            return frames
        }
    }

    private func entries(of channel: ChannelName) -> [LogEntry] {
        if self.channels == nil { return self.batch.entries.filter { $0.channel == channel || $0.channel == nil } }
        return self.places[channel, default: []].map { self.batch.entries[$0] }
    }
}
