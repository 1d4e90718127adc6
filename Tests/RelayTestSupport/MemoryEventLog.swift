package import RelayCore
import Synchronization

/// A log in memory that keeps everything: for tests of what stands on a log, and a model to hold real ones against.
/// It passes those parts of the contract that have nothing to do with retention.
package final class MemoryEventLog: EventLog {
    fileprivate struct Channel {
        var isRecording = false
        var recordedFrom = EventID.zero
        var recordedUntil = EventID.zero
        var since = Timestamp(microseconds: 0)
    }

    fileprivate struct State {
        var entries: [LogEntry] = []
        var last: EventID
        var channels: [ChannelName: Channel] = [:]
        /// What was set aside, and how many of its oldest entries there was no room for.
        var aside: [LogEntry] = []
        var writtenThrough: EventID
        var lostThrough: EventID?
    }

    package let identity: LogIdentity
    private let clock: ServerClock
    private let state: Mutex<State>

    /// - Parameters:
    ///   - isNew: whether no relay ran on it before.
    ///   - recorded: channels of an earlier run.
    package convenience init(
        clock: ServerClock,
        isNew: Bool = true,
        wasClean: Bool = true,
        recorded: [ChannelName] = []
    ) {
        let beginning = EventID(clock.now().microseconds)
        let identity = LogIdentity(
            logID: "memory",
            beginsAfter: beginning,
            last: wasClean ? beginning : EventID(beginning.rawValue + 1_000_000),
            lastFound: beginning,
            isNew: isNew,
            wasClean: wasClean
        )
        self.init(clock: clock, identity: identity, recorded: recorded)
    }

    /// With the identity of a new log and the same clock it gives the same ids as that log.
    package init(clock: ServerClock, identity: LogIdentity, recorded: [ChannelName] = []) {
        self.identity = identity
        self.clock = clock
        var state = State(last: identity.last, writtenThrough: identity.last)
        for channel in recorded { state.channels[channel] = Channel(isRecording: true) }
        self.state = Mutex(state)
    }

    /// All that is in the log, of all channels.
    package var entries: [LogEntry] { self.state.withLock { $0.entries } }

    package var figures: LogFigures {
        self.state.withLock { state in
            var figures = LogFigures()
            let events = state.entries.compactMap(\.event)
            figures.events = events.count
            figures.oldest = events.first?.time
            figures.setAsideEvents = state.aside.compactMap(\.event).count
            return figures
        }
    }

    package func append(_ writes: [LogWrite], expecting last: EventID) async throws -> AppendOutcome {
        let now = self.clock.now()
        return self.state.withLock { state in
            guard state.last == last else { return .conflict(last: state.last) }
            state.writeAside()
            let entries = writes.compactMap { state.entry(for: $0, at: now) }
            state.entries.append(contentsOf: entries)
            state.writtenThrough = state.last
            return .appended(AppendedBatch(after: last, last: state.last, entries: entries, evictedThrough: .zero))
        }
    }

    package func setAside(_ writes: [LogWrite], expecting last: EventID) async throws -> AppendOutcome {
        let now = self.clock.now()
        return self.state.withLock { state in
            guard state.last == last else { return .conflict(last: state.last) }
            let entries = writes.compactMap { state.entry(for: $0, at: now) }
            state.aside.append(contentsOf: entries)
            // For the gap that may have to stand here.
            state.last = state.last.next
            let standing = LogStanding(writtenThrough: state.writtenThrough, keptAfter: state.lostThrough)
            return .appended(
                AppendedBatch(
                    after: last,
                    last: state.last,
                    entries: entries,
                    evictedThrough: .zero,
                    standing: standing
                )
            )
        }
    }

    /// Of what is set aside, everything so far is lost.
    package func forgetAside() {
        self.state.withLock { state in
            state.aside = []
            state.lostThrough = state.last
        }
    }

    package func read(
        _ selection: ChannelSelection,
        after: EventID,
        through: EventID,
        limit: Int
    ) async throws -> LogPage {
        let entries = self.state.withLock { $0.told(of: selection, after: after, before: through.next) }
        let page = Array(entries.prefix(limit))
        let atEnd = page.count == entries.count
        return LogPage(entries: page, next: atEnd ? through : page[page.count - 1].id, atEnd: atEnd)
    }

    package func history(_ query: HistoryQuery) async throws -> HistoryPage {
        self.state.withLock { state in
            guard let channel = query.selection.only else { preconditionFailure("history of several channels") }
            let (after, before) = (query.after ?? .zero, query.before ?? EventID.limit)
            let entries = state.told(of: channel, after: after, before: before)
            return HistoryPage(
                entries: Array(query.isForward ? entries.prefix(query.limit) : entries.suffix(query.limit)),
                hasMore: entries.count > query.limit,
                positions: state.figures(of: channel).positions
            )
        }
    }

    package func census() async throws -> ChannelCensus {
        let now = self.clock.now()
        return self.state.withLock { state in
            let recorded = state.channels.filter(\.value.isRecording).keys
            let figures = recorded.map { ($0, state.figures(of: $0)) }
            return ChannelCensus(taken: now, channels: Dictionary(uniqueKeysWithValues: figures))
        }
    }

    package func tick() async throws -> LogRepair? { nil }

    package func recordedChannels() async throws -> [ChannelName] {
        self.state.withLock { state in
            state.channels.filter(\.value.isRecording).keys.sorted()
        }
    }

    package func close() async throws {}
}

extension MemoryEventLog.State {
    fileprivate mutating func entry(for write: LogWrite, at now: Timestamp) -> LogEntry? {
        switch write {
        case .event(let notification):
            let channel = notification.channel
            self.channels[channel] = self.channels[channel] ?? .init()
            return .event(Event(id: self.nextID(now), channel: channel, time: now, payload: notification.payload))
        case .gap(let reason, let after):
            return self.gap(nil, after: after ?? self.last, reason, at: now)
        case .recordingStarted(let name):
            var channel = self.channels[name] ?? .init()
            if channel.isRecording { return nil }
            let gap = self.gap(name, after: channel.recordedUntil, .unrecorded, at: now)
            channel.isRecording = true
            channel.since = now
            if channel.recordedFrom == .zero { channel.recordedFrom = self.last }
            self.channels[name] = channel
            return gap
        case .recordingStopped(let name):
            self.stopRecording(name)
            return nil
        case .recordingOnly(let kept):
            for name in self.channels.keys where !kept.contains(name) { self.stopRecording(name) }
            return nil
        }
    }

    private mutating func stopRecording(_ name: ChannelName) {
        guard self.channels[name]?.isRecording == true else { return }
        self.channels[name]?.isRecording = false
        self.channels[name]?.recordedUntil = self.last
    }

    fileprivate func figures(of channel: ChannelName) -> ChannelFigures {
        let events = self.entries.compactMap(\.event).filter { $0.channel == channel }
        return ChannelFigures(
            events: events.count,
            bytes: Int64(events.reduce(0) { $0 + $1.payload.bytes.count }),
            positions: ChannelPositions(
                oldest: events.first?.id,
                newest: events.last?.id,
                floor: .zero,
                recordedSince: self.channels[channel].flatMap { $0.isRecording ? $0.since : nil }
            )
        )
    }

    fileprivate mutating func writeAside() {
        if let through = self.lostThrough {
            let gap = Gap(
                id: through,
                channel: nil,
                after: self.writtenThrough,
                before: through.next,
                reason: .unlogged
            )
            self.entries.append(.gap(gap))
        }
        self.entries.append(contentsOf: self.aside)
        self.aside = []
        self.lostThrough = nil
    }

    private mutating func nextID(_ now: Timestamp) -> EventID {
        self.last = max(self.last.next, EventID(now.microseconds))
        return self.last
    }

    private mutating func gap(
        _ channel: ChannelName?,
        after: EventID,
        _ reason: Gap.Reason,
        at now: Timestamp
    ) -> LogEntry {
        let id = self.nextID(now)
        return .gap(Gap(id: id, channel: channel, after: after, before: id.next, reason: reason))
    }

    /// What a cursor at `after` is told of channels.
    fileprivate func told(of selection: ChannelSelection, after: EventID, before: EventID) -> [LogEntry] {
        if let only = selection.only { return self.told(of: only, after: after, before: before) }
        let channels = self.channels.filter { selection.contains($0.key) }
        return self.entries.filter { entry in
            guard after < entry.id, entry.id < before else { return false }
            switch entry {
            case .event(let event): return channels[event.channel] != nil
            case .gap(let gap):
                guard let channel = gap.channel else { return channels.values.contains { gap.id > $0.recordedFrom } }
                let isBeginning = gap.reason == .unrecorded && gap.after == .zero
                return channels[channel] != nil && !(isBeginning && after == .zero)
            }
        }
    }

    /// What a cursor at `after` is told of a channel.
    fileprivate func told(of name: ChannelName, after: EventID, before: EventID) -> [LogEntry] {
        guard let channel = self.channels[name] else { return [] }
        return self.entries.filter { entry in
            guard after < entry.id, entry.id < before else { return false }
            guard let gap = entry.gap else { return true }
            let isBeginning = gap.reason == .unrecorded && gap.after == .zero
            return gap.channel == nil ? gap.id > channel.recordedFrom : !(isBeginning && after == .zero)
        }.told(to: name)
    }
}
