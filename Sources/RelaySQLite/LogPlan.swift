import RelayCore

/// What a list of writes comes to, before any of it is written: the entries with their ids, and the changes of what is
/// recorded. It is written as it is, now or later.
struct LogPlan {
    /// The newest id before and after it.
    let after: EventID
    let last: EventID
    let time: Timestamp
    /// In the order of ids.
    let entries: [LogEntry]
    let changes: [RecordingChange]

    var events: Int { self.entries.count { if case .event = $0 { true } else { false } } }

    enum RecordingChange {
        /// The gap entry of the same id tells it.
        case started(ChannelName, at: EventID)
        case stopped(ChannelName, at: EventID)
    }

    /// - Parameters:
    ///   - nextID: gives the ids, one for each entry.
    ///   - recordings: is brought up to date.
    init(
        _ writes: [LogWrite],
        after: EventID,
        at time: Timestamp,
        recordings: inout Recordings,
        nextID: () throws -> EventID
    ) rethrows {
        var entries: [LogEntry] = []
        entries.reserveCapacity(writes.count)
        var changes: [RecordingChange] = []
        var last = after
        func next() throws -> EventID {
            last = try nextID()
            return last
        }
        func gap(_ channel: ChannelName?, after: EventID, _ reason: Gap.Reason) throws -> LogEntry {
            let id = try next()
            return .gap(Gap(id: id, channel: channel, after: after, before: id.next, reason: reason))
        }
        for write in writes {
            switch write {
            case .event(let notification):
                let (channel, payload) = (notification.channel, notification.payload)
                entries.append(.event(Event(id: try next(), channel: channel, time: time, payload: payload)))
            case .gap(let reason, let after):
                entries.append(try gap(nil, after: after ?? last, reason))
            case .recordingStarted(let channel):
                guard let recordedUntil = recordings.start(channel) else { continue }
                entries.append(try gap(channel, after: recordedUntil, .unrecorded))
                changes.append(.started(channel, at: last))
            case .recordingStopped(let channel):
                if recordings.stop(channel, at: last) { changes.append(.stopped(channel, at: last)) }
            case .recordingOnly(let kept):
                for channel in recordings.current where !kept.contains(channel) {
                    if recordings.stop(channel, at: last) { changes.append(.stopped(channel, at: last)) }
                }
            }
        }
        self.after = after
        self.last = last
        self.time = time
        self.entries = entries
        self.changes = changes
    }

    private init(_ plan: LogPlan, last: EventID, entries: [LogEntry]) {
        self.after = plan.after
        self.last = last
        self.time = plan.time
        self.entries = entries
        self.changes = plan.changes
    }

    /// The same plan with one id more at its end, for a gap that may have to stand there.
    func reserving(_ id: EventID) -> LogPlan {
        LogPlan(self, last: id, entries: self.entries)
    }

    var isEmpty: Bool { self.entries.isEmpty && self.changes.isEmpty }

    /// What can't be given up for want of room: where recordings began and ended.
    var withoutEvents: LogPlan {
        let beginnings = self.entries.filter { entry in
            if case .gap(let gap) = entry { gap.channel != nil } else { false }
        }
        return LogPlan(self, last: self.last, entries: beginnings)
    }

    /// About what it takes in memory.
    var bytes: Int {
        self.entries.reduce((self.changes.count + 1) * Self.entryOverhead) { bytes, entry in
            guard case .event(let event) = entry else { return bytes + Self.entryOverhead }
            return bytes + Self.entryOverhead + event.payload.bytes.count
        }
    }

    /// What an entry costs beside its payload.
    private static let entryOverhead = 256
}
