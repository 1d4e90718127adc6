/// How much the ring log keeps. Whatever limit is exceeded first evicts the oldest events.
package struct Retention: Sendable, Equatable {
    /// Bytes of the database file (pages in use), without the write-ahead log.
    package var maximumBytes: Int64
    /// Events over all channels.
    package var maximumEvents: Int
    /// Time since arrival; nil for no limit.
    package var maximumAge: Duration?
    /// Events of each channel; nil for no limit.
    package var maximumEventsPerChannel: Int?

    package init(
        maximumBytes: Int64,
        maximumEvents: Int,
        maximumAge: Duration?,
        maximumEventsPerChannel: Int? = nil
    ) {
        self.maximumBytes = maximumBytes
        self.maximumEvents = maximumEvents
        self.maximumAge = maximumAge
        self.maximumEventsPerChannel = maximumEventsPerChannel
    }

    /// A limit that is exceeded is trimmed down to 63/64 of itself, so that eviction happens in runs: measured 2.5
    /// times as fast, at one event a transaction, as trimming by the row.
    package static func target<I: BinaryInteger>(of limit: I) -> I {
        limit - limit / 64
    }

    /// How many of `count` events are to be evicted under `limit`.
    package static func surplus(of count: Int, over limit: Int) -> Int {
        count > limit ? count - Self.target(of: limit) : 0
    }
}
