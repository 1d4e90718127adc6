import RelayCore
import Synchronization

/// A log that gives ids and keeps nothing. Whoever has to read from it, because a socket was full for longer than the
/// newest batches stay in memory, gets nothing and lacks events: runs with it have to be short.
final class NullEventLog: EventLog {
    let identity: LogIdentity
    private let clock: ServerClock
    private let last: Mutex<EventID>

    init(clock: ServerClock) {
        let beginning = EventID(clock.now().microseconds)
        self.clock = clock
        self.last = Mutex(beginning)
        self.identity = LogIdentity(
            logID: "none",
            beginsAfter: beginning,
            last: beginning,
            lastFound: beginning,
            isNew: true,
            wasClean: true
        )
    }

    var figures: LogFigures { LogFigures() }

    func append(_ writes: [LogWrite], expecting last: EventID) async throws -> AppendOutcome {
        let now = self.clock.now()
        return self.last.withLock { newest in
            guard newest == last else { return .conflict(last: newest) }
            var entries: [LogEntry] = []
            entries.reserveCapacity(writes.count)
            for write in writes {
                switch write {
                case .event(let notification):
                    newest = max(newest.next, EventID(now.microseconds))
                    let (channel, payload) = (notification.channel, notification.payload)
                    entries.append(.event(Event(id: newest, channel: channel, time: now, payload: payload)))
                case .gap, .recordingStarted, .recordingStopped, .recordingOnly:
                    break
                }
            }
            return .appended(AppendedBatch(after: last, last: newest, entries: entries, evictedThrough: .zero))
        }
    }

    func setAside(_ writes: [LogWrite], expecting last: EventID) async throws -> AppendOutcome {
        try await self.append(writes, expecting: last)
    }

    func read(
        _ selection: ChannelSelection,
        after: EventID,
        through: EventID,
        limit: Int
    ) async throws -> LogPage {
        LogPage(entries: [], next: through, atEnd: true)
    }

    func history(_ query: HistoryQuery) async throws -> HistoryPage {
        HistoryPage(entries: [], hasMore: false, positions: .unknown)
    }

    func census() async throws -> ChannelCensus { ChannelCensus(taken: self.clock.now(), channels: [:]) }

    func tick() async throws -> LogRepair? { nil }

    func recordedChannels() async throws -> [ChannelName] { [] }

    func close() async throws {}
}
