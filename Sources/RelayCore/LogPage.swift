/// A page of a replay.
package struct LogPage: Sendable {
    /// In the order of ids.
    package let entries: [LogEntry]
    /// The cursor after this page; reading goes on behind it.
    package let next: EventID
    /// Nothing is left in the range that was asked for.
    package let atEnd: Bool

    package init(entries: [LogEntry], next: EventID, atEnd: Bool) {
        self.entries = entries
        self.next = next
        self.atEnd = atEnd
    }
}
