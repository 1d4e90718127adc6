package import RelayCore

extension EventLog {
    /// Reads one channel.
    package func read(
        _ channel: ChannelName,
        after: EventID,
        through: EventID,
        limit: Int
    ) async throws -> LogPage {
        try await self.read(ChannelSelection(channel), after: after, through: through, limit: limit)
    }
}
