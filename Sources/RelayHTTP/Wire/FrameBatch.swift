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
        /// Those that entries of the batch belong to, by name.
        let channels: [ChannelName]
        let kind: FrameKind
        /// Whether it is for subscribers who have only this channel: they are told gaps of all channels as of theirs.
        let isOnly: Bool
    }

    /// Taken once for each batch, channels, kind and loop, never for each client. Channels that subscribers have beside
    /// each other, and of which a batch has the same, share their frames.
    private let encoded = Mutex<[Key: EncodedFrames]>([:])

    /// The places of each channel's entries.
    private let places: [ChannelName: [Int]]
    /// The places of gaps that concern all.
    private let placesOfAll: [Int]

    /// Encodings of several channels together that are kept: those of selections that many have. Others are made for who
    /// needs them, so that a batch takes no more memory than is counted for it.
    private static let maximumTogether = 4

    /// What an entry costs beside its payload: the entry itself, and its frames.
    private static let entryOverhead = 256
    /// What a batch costs however small it is: its places in the tails, and its frames' tables.
    private static let batchOverhead = 512

    package init(_ batch: AppendedBatch) {
        self.batch = batch
        var places: [ChannelName: [Int]] = [:]
        var placesOfAll: [Int] = []
        var bytes = Self.batchOverhead
        for (place, entry) in batch.entries.enumerated() {
            bytes += Self.entryOverhead
            if case .event(let event) = entry { bytes += 2 * event.payload.bytes.count }
            if let channel = entry.channel {
                places[channel, default: []].append(place)
            } else {
                placesOfAll.append(place)
            }
        }
        self.places = places
        self.placesOfAll = placesOfAll
        self.channels = placesOfAll.isEmpty ? Array(places.keys) : nil
        self.bytes = bytes
    }

    /// Those channels of the batch's own that belong to a selection, by name.
    package func channels(of selection: ChannelSelection) -> [ChannelName] {
        var found = selection.names.filter { self.places[$0] != nil }
        if selection.patterns.isEmpty { return found }
        found += self.places.keys.filter { selection.finds($0) && !selection.names.contains($0) }
        return found.sorted()
    }

    package func frames(of selection: ChannelSelection, _ kind: FrameKind) -> EncodedFrames {
        if let only = selection.only { return self.frames(of: only, kind) }
        if selection.isEmpty { return .none }
        let channels = self.channels(of: selection)
        // A gap of all channels is told otherwise to who has several.
        if channels.count == 1 && self.placesOfAll.isEmpty { return self.frames(of: channels[0], kind) }
        if channels.isEmpty && self.placesOfAll.isEmpty { return .none }
        return self.frames(Key(channels: channels, kind: kind, isOnly: false))
    }

    /// For a subscriber who has only this channel.
    package func frames(of channel: ChannelName, _ kind: FrameKind) -> EncodedFrames {
        guard self.places[channel] != nil || !self.placesOfAll.isEmpty else { return .none }
        return self.frames(Key(channels: [channel], kind: kind, isOnly: true))
    }

    private func frames(_ key: Key) -> EncodedFrames {
        self.encoded.withLock { encoded in
            if let frames = encoded[key] { return frames }
            let entries = self.entries(of: key.channels)
            let frames = EncodedFrames(entries, channel: key.isOnly ? key.channels[0] : nil, kind: key.kind)
            let isKept = key.isOnly || encoded.keys.count { !$0.isOnly } < Self.maximumTogether
            if isKept { encoded[key] = frames }
            return frames
        }
    }

    private func entries(of channels: [ChannelName]) -> [LogEntry] {
        let places = channels.map { self.places[$0, default: []] } + [self.placesOfAll]
        let inOrder = places.count { !$0.isEmpty } > 1 ? places.joined().sorted() : Array(places.joined())
        return inOrder.map { self.batch.entries[$0] }
    }
}
