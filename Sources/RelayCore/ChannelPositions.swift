/// Where a channel stands in the log; of several channels, where they stand together: the oldest, the newest, and the
/// highest floor of all, and since when all of them are recorded.
package struct ChannelPositions: Sendable, Equatable {
    /// The oldest and newest retained event; nil when none is retained.
    package var oldest: EventID?
    package var newest: EventID?
    /// Highest id evicted, 0 if none was.
    package var floor: EventID
    /// Since when the channel is recorded without a break by choice; nil when it is not recorded.
    package var recordedSince: Timestamp?

    package init(oldest: EventID?, newest: EventID?, floor: EventID, recordedSince: Timestamp?) {
        self.oldest = oldest
        self.newest = newest
        self.floor = floor
        self.recordedSince = recordedSince
    }

    /// A channel that the log has never heard of.
    package static let unknown = ChannelPositions(oldest: nil, newest: nil, floor: .zero, recordedSince: nil)
}
