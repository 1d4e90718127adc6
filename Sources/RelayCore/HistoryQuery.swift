/// Which part of the history of channels is asked for.
package struct HistoryQuery: Sendable, Equatable {
    package var selection: ChannelSelection
    /// Only ids greater than this; the page then begins there and goes forward.
    package var after: EventID?
    /// Only ids smaller than this; without `after` the page ends just below it.
    package var before: EventID?
    /// Entries at the most, what was evicted of several channels aside; 0 for the positions alone.
    package var limit: Int

    package static let limits = 0...1000
    package static let defaultLimit = 100

    package init(
        _ selection: ChannelSelection,
        after: EventID? = nil,
        before: EventID? = nil,
        limit: Int = Self.defaultLimit
    ) {
        self.selection = selection
        self.after = after
        self.before = before
        self.limit = limit
    }

    /// With `after` the page is filled from its old end, else from its new end.
    package var isForward: Bool { self.after != nil }
}

package struct HistoryPage: Sendable {
    /// Ascending, whatever the direction.
    package let entries: [LogEntry]
    /// More entries lie beyond the page in the direction it was filled.
    package let hasMore: Bool
    package let positions: ChannelPositions

    package init(entries: [LogEntry], hasMore: Bool, positions: ChannelPositions) {
        self.entries = entries
        self.hasMore = hasMore
        self.positions = positions
    }
}
