/// The relay's clock: the wall clock at start plus the monotonic clock since then, so that a step of the wall clock
/// while the relay runs moves no id.
package struct ServerClock: Sendable {
    /// A wall clock beyond it (the year 2112) is taken for broken: see `EventID.latestPlausible`.
    package static let latestPlausible = Timestamp(microseconds: EventID.latestPlausible.rawValue)

    private let read: @Sendable () -> Timestamp

    package init(now: @escaping @Sendable () -> Timestamp) {
        self.read = now
    }

    /// - Parameters:
    ///   - wallClock: the time of day at start. An implausible one (before 1970 or beyond `latestPlausible`) counts
    ///     as 1970: ids then go on one by one from the last.
    ///   - monotonic: a clock that never steps.
    package init(startingAt wallClock: Timestamp, monotonic: some Clock<Duration>) {
        let start = Self.isPlausible(wallClock) ? wallClock : Timestamp(microseconds: 0)
        let origin = monotonic.now
        self.read = { start.advanced(by: origin.duration(to: monotonic.now)) }
    }

    package static func isPlausible(_ wallClock: Timestamp) -> Bool {
        wallClock.microseconds >= 0 && wallClock < Self.latestPlausible
    }

    package func now() -> Timestamp { self.read() }
}
