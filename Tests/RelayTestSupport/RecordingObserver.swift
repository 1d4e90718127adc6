package import RelayCore

/// Keeps what it is told, in order.
package final class RecordingObserver: Observer {
    private let seen = Watched<[Observation]>([])

    package init() {}

    package func observe(_ observation: Observation) {
        self.seen.change { $0.append(observation) }
    }

    package var observations: [Observation] { self.seen.value }

    /// The observations as text, for comparisons.
    package var texts: [String] { self.observations.map { "\($0)" } }

    /// Waits until an observation of the kind was made.
    package func when(_ isWanted: @escaping @Sendable (Observation) -> Bool) async throws {
        try await self.seen.when { $0.contains(where: isWanted) }
    }
}
