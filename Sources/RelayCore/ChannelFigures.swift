/// What the log holds of a channel.
package struct ChannelFigures: Sendable, Equatable {
    package var events: Int
    /// Of the payloads.
    package var bytes: Int64
    package var positions: ChannelPositions

    package init(events: Int, bytes: Int64, positions: ChannelPositions) {
        self.events = events
        self.bytes = bytes
        self.positions = positions
    }

    /// Of a channel that the log has never heard of.
    package static let none = ChannelFigures(events: 0, bytes: 0, positions: .unknown)
}

/// The channels that were being recorded at some moment, and what the log held of them.
package struct ChannelCensus: Sendable, Equatable {
    package let taken: Timestamp
    package let channels: [ChannelName: ChannelFigures]

    package init(taken: Timestamp, channels: [ChannelName: ChannelFigures]) {
        self.taken = taken
        self.channels = channels
    }
}
