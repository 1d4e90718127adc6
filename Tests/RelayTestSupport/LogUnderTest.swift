package import RelayCore
package import Testing

/// An open log, appended to as the relay does it, under a time that the test moves.
package final class LogUnderTest {
    package let clock: ManualClock
    private let engine: any EventLogEngine
    private let retention: Retention
    private var opened: (any EventLog)?
    /// The newest id of the log.
    package private(set) var last: EventID
    /// All that was appended since the log was made, evicted or not.
    package private(set) var entries: [LogEntry] = []

    package init(
        _ engine: any EventLogEngine,
        _ retention: Retention = .roomy,
        clock: ManualClock = ManualClock()
    ) async throws {
        let log = try await engine.open(retention, clock: clock.serverClock)
        self.engine = engine
        self.retention = retention
        self.clock = clock
        self.opened = log
        self.last = log.identity.last
    }

    package var log: any EventLog {
        guard let opened else { preconditionFailure("the log is closed") }
        return opened
    }

    @discardableResult
    package func append(_ writes: LogWrite...) async throws -> AppendedBatch {
        try await self.append(writes)
    }

    @discardableResult
    package func append(_ writes: [LogWrite]) async throws -> AppendedBatch {
        try self.take(try await self.log.append(writes, expecting: self.last))
    }

    @discardableResult
    package func setAside(_ writes: LogWrite...) async throws -> AppendedBatch {
        try await self.setAside(writes)
    }

    @discardableResult
    package func setAside(_ writes: [LogWrite]) async throws -> AppendedBatch {
        try self.take(try await self.log.setAside(writes, expecting: self.last))
    }

    private func take(_ outcome: AppendOutcome) throws -> AppendedBatch {
        switch outcome {
        case .appended(let batch):
            self.last = batch.last
            self.entries += batch.entries
            return batch
        case .conflict(let last):
            throw LogFailure("the newest id is \(last) and not \(self.last)")
        }
    }

    /// Appends one event for each payload, each in a batch of its own.
    /// - Returns: their ids.
    @discardableResult
    package func append(_ channel: ChannelName, _ payloads: [String]) async throws -> [EventID] {
        var ids: [EventID] = []
        for payload in payloads { ids.append(try await self.append(.event(channel, payload)).last) }
        return ids
    }

    /// Closes the log and opens it again.
    package func reopen() async throws {
        try await self.log.close()
        self.drop()
        try await self.open()
    }

    /// Releases the log without closing it.
    package func drop() { self.opened = nil }

    package func open() async throws {
        let log = try await self.engine.open(self.retention, clock: self.clock.serverClock)
        self.opened = log
        self.last = log.identity.last
    }

    // MARK: - Reading

    /// All that a cursor is told of a channel, page by page.
    package func replay(
        _ channel: ChannelName,
        after cursor: EventID = .zero,
        limit: Int = 100,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> [LogEntry] {
        var told: [LogEntry] = []
        var cursor = cursor
        while true {
            let page = try await self.log.read(channel, after: cursor, through: self.last, limit: limit)
            #expect(page.entries.count <= limit, sourceLocation: sourceLocation)
            #expect(page.entries.allSatisfy { cursor < $0.id && $0.id <= page.next }, sourceLocation: sourceLocation)
            told += page.entries
            if page.atEnd {
                #expect(page.next == self.last, sourceLocation: sourceLocation)
                return told
            }
            try #require(page.next > cursor, "a page without progress", sourceLocation: sourceLocation)
            cursor = page.next
        }
    }

    /// All that a cursor is told of several channels, page by page. What was evicted is told again within its range, and
    /// left out here.
    package func replay(
        _ selection: ChannelSelection,
        after cursor: EventID = .zero,
        limit: Int = 100,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> [LogEntry] {
        var told: [LogEntry] = []
        var cursor = cursor
        while true {
            let page = try await self.log.read(selection, after: cursor, through: self.last, limit: limit)
            let evicted = page.entries.prefix { $0.gap?.reason == .evicted }
            let rest = page.entries.dropFirst(evicted.count)
            #expect(rest.count <= limit, sourceLocation: sourceLocation)
            #expect(rest.allSatisfy { cursor < $0.id && $0.id <= page.next }, sourceLocation: sourceLocation)
            #expect(evicted.dropLast().allSatisfy { $0.id == cursor }, sourceLocation: sourceLocation)
            let end = rest.first?.id ?? page.next.next
            #expect(evicted.allSatisfy { cursor <= $0.id && $0.id < end }, sourceLocation: sourceLocation)
            for case .gap(let gap) in evicted {
                #expect(gap.after == cursor, sourceLocation: sourceLocation)
                let isTold = told.contains { $0.gap?.channel == gap.channel && $0.gap?.before == gap.before }
                if !isTold { told.append(.gap(gap)) }
            }
            told += rest
            if page.atEnd {
                #expect(page.next == self.last, sourceLocation: sourceLocation)
                return told
            }
            try #require(page.next > cursor, "a page without progress", sourceLocation: sourceLocation)
            cursor = page.next
        }
    }

    package func texts(_ channel: ChannelName, after cursor: EventID = .zero) async throws -> [String] {
        try await self.replay(channel, after: cursor).map(\.text)
    }

    package func history(
        _ channel: ChannelName,
        after: EventID? = nil,
        before: EventID? = nil,
        limit: Int = HistoryQuery.defaultLimit
    ) async throws -> HistoryPage {
        try await self.log.history(HistoryQuery(ChannelSelection(channel), after: after, before: before, limit: limit))
    }
}
