/// The relay's clock: the wall clock at start plus the monotonic clock since then, so that a step of the wall clock
/// while the relay runs moves no id.
package struct ServerClock: Sendable {
    /// A wall clock beyond it (the year 2112) is taken for broken: see `EventID.latestPlausible`.
    package static let latestPlausible = Timestamp(microseconds: EventID.latestPlausible.rawValue)

    private let now_: @Sendable () -> Timestamp

    package init(now: @escaping @Sendable () -> Timestamp) {
        self.now_ = now
    }

    /// - Parameters:
    ///   - wallClock: the time of day at start. An implausible one (before 1970 or beyond `latestPlausible`) counts
    ///     as 1970: ids then go on one by one from the last.
    ///   - monotonic: a clock that never steps.
    package init(startingAt wallClock: Timestamp, monotonic: some Clock<Duration>) {
        let start = Self.isPlausible(wallClock) ? wallClock : Timestamp(microseconds: 0)
        let origin = AnyInstant(monotonic)
        self.now_ = { start.advanced(by: origin.elapsed()) }
    }

    package static func isPlausible(_ wallClock: Timestamp) -> Bool {
        wallClock.microseconds >= 0 && wallClock < Self.latestPlausible
    }

    package func now() -> Timestamp { self.now_() }
}

/// How much time a clock has seen pass since this value was made.
private struct AnyInstant: Sendable {
    let elapsed: @Sendable () -> Duration

    init<C: Clock<Duration>>(_ clock: C) {
        let origin = clock.now
        self.elapsed = { origin.duration(to: clock.now) }
    }
}
