/// The notifications appended in one transaction, with their ids. They are fanned out together.
package struct AppendedBatch: Sendable {
    /// The newest id of the log before and after this batch. Every entry lies between: `after < id ≤ last`.
    package let after: EventID
    package let last: EventID
    /// In the order of ids.
    package let entries: [LogEntry]
    /// Events up to this id may have been evicted, of whatever channel. It is never above what is written.
    package let evictedThrough: EventID
    package let standing: LogStanding
    /// When the oldest of its notifications arrived, where that is known.
    package var received: ContinuousClock.Instant?

    /// - Parameter standing: nil if everything is written, this batch included.
    package init(
        after: EventID,
        last: EventID,
        entries: [LogEntry],
        evictedThrough: EventID,
        standing: LogStanding? = nil
    ) {
        self.after = after
        self.last = last
        self.entries = entries
        self.evictedThrough = evictedThrough
        self.standing = standing ?? LogStanding(writtenThrough: last)
    }
}
