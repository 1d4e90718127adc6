package import RelayCore

/// Keeps the batches it is given instead of delivering them.
package final class RecordingHub: EventHub {
    private let published = Watched<[AppendedBatch]>([])
    private let stands = Watched<LogStanding?>(nil)
    private let isBehind = Watched(false)
    private let timesAsked = Watched(0)
    private let whenPublished: @Sendable (AppendedBatch) -> Void

    /// - Parameter whenPublished: looks at each batch while it is being published.
    package init(whenPublished: @escaping @Sendable (AppendedBatch) -> Void = { _ in }) {
        self.whenPublished = whenPublished
    }

    package func publish(_ batch: AppendedBatch) {
        self.whenPublished(batch)
        self.published.change { $0.append(batch) }
    }

    package func logStands(at standing: LogStanding) {
        self.stands.change { $0 = standing }
    }

    /// Waits until the log has caught up with what was published.
    @discardableResult
    package func whenWritten() async throws -> LogStanding? {
        try await self.stands.when { $0?.writtenThrough == self.batches.last?.last }
    }

    package func hasCaughtUp() async {
        self.timesAsked.change { $0 += 1 }
        _ = try? await self.isBehind.when { !$0 }
    }

    /// From now on it takes no more than the batch that is on its way.
    package func fallBehind() { self.isBehind.change { $0 = true } }

    package func catchUp() { self.isBehind.change { $0 = false } }

    /// Waits until it was asked so many times whether it has caught up.
    package func whenAsked(_ count: Int) async throws {
        try await self.timesAsked.when { $0 >= count }
    }

    package var batches: [AppendedBatch] { self.published.value }

    /// All that was published, as text.
    package var texts: [String] { self.batches.flatMap(\.entries).map(\.text) }

    /// Waits until so many entries were published.
    @discardableResult
    package func whenPublished(entries count: Int) async throws -> [LogEntry] {
        try await self.published.when { $0.reduce(0) { $0 + $1.entries.count } >= count }.flatMap(\.entries)
    }
}
