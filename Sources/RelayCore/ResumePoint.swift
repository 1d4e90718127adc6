/// Where a subscriber that comes back goes on, and what it must be told first.
package struct ResumePoint: Sendable, Equatable {
    /// The cursor from which this log is read.
    package let cursor: EventID
    /// What this log can't give to the cursor that was presented: reason `ahead` or `replaced`.
    package let gap: Gap?

    /// - Parameters:
    ///   - channel: the one that it is about; nil for several.
    ///   - presented: the cursor that the client sent.
    ///   - logID: the log in which the client got it, if it said so.
    ///   - last: the newest id that this log has given by now.
    package init(
        channel: ChannelName?,
        presented: EventID,
        logID: String?,
        identity: LogIdentity,
        last: EventID
    ) {
        func gap(after: EventID, at id: EventID, before: EventID, _ reason: Gap.Reason) -> Gap {
            Gap(id: id, channel: channel, after: after, before: before, reason: reason)
        }
        let isOfAnotherLog = logID.map { $0 != identity.logID } ?? false
        if presented == .zero && !isOfAnotherLog {
            self.init(cursor: presented, gap: nil)
        } else if presented < identity.beginsAfter {
            // Whatever gave this cursor, it was not this log: its ids all lie above.
            let before = identity.beginsAfter.next
            self.init(
                cursor: identity.beginsAfter,
                gap: gap(after: presented, at: identity.beginsAfter, before: before, .replaced)
            )
        } else if isOfAnotherLog {
            let cursor = min(presented, last)
            self.init(cursor: cursor, gap: gap(after: identity.beginsAfter, at: cursor, before: cursor.next, .replaced))
        } else if presented > last {
            self.init(cursor: last, gap: gap(after: last, at: last, before: presented.next, .ahead))
        } else {
            self.init(cursor: presented, gap: nil)
        }
    }

    private init(cursor: EventID, gap: Gap?) {
        self.cursor = cursor
        self.gap = gap
    }
}
