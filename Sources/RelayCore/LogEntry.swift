/// One notification, stored.
package struct Event: Hashable, Sendable {
    package let id: EventID
    package let channel: ChannelName
    /// When the relay received it. The id is close to it but runs ahead at times.
    package let time: Timestamp
    package let payload: Payload

    package init(id: EventID, channel: ChannelName, time: Timestamp, payload: Payload) {
        self.id = id
        self.channel = channel
        self.time = time
        self.payload = payload
    }
}

/// A range of ids, strictly between `after` and `before`, in which events may be missing.
package struct Gap: Hashable, Sendable {
    /// The gap's own place in the order of ids.
    package let id: EventID
    /// The channel it concerns; nil for all.
    package let channel: ChannelName?
    package let after: EventID
    package let before: EventID
    /// How many events are missing, where that is known.
    package let lost: Int?
    package let reason: Reason

    package enum Reason: String, Sendable, CaseIterable {
        /// Older than the ring keeps.
        case evicted
        /// PostgreSQL was away.
        case disconnected
        /// The relay was away.
        case restarted
        /// The log could not be written.
        case unlogged
        /// The channel was not being recorded.
        case unrecorded
        /// The log's file is damaged there.
        case damaged
        /// The cursor is newer than any id this log ever gave.
        case ahead
        /// The cursor is of another log.
        case replaced
    }

    package init(
        id: EventID,
        channel: ChannelName?,
        after: EventID,
        before: EventID,
        lost: Int? = nil,
        reason: Reason
    ) {
        self.id = id
        self.channel = channel
        self.after = after
        self.before = before
        self.lost = lost
        self.reason = reason
    }
}

/// What stands in the log, in the order of ids: an event, or the fact that some may be missing.
package enum LogEntry: Hashable, Sendable {
    case event(Event)
    case gap(Gap)

    package var id: EventID {
        switch self {
        case .event(let event): event.id
        case .gap(let gap): gap.id
        }
    }

    /// The channel it belongs to; nil for a gap of all channels.
    package var channel: ChannelName? {
        switch self {
        case .event(let event): event.channel
        case .gap(let gap): gap.channel
        }
    }
}
