/// Gives out ids: a hybrid clock under a high water mark.
///
/// An id is the time in microseconds, or one more than the id before it. None is ever given above `highWater`, which
/// the log keeps durably (synced to disk) *before* ids up to it are given. A log that was not stopped cleanly starts
/// above its high water mark, so an id that anyone may have seen is never given again, whatever the disk lost.
package struct EventIDSequence: Sendable {
    /// The newest id given.
    package private(set) var last: EventID
    /// No id above it may be given before a higher one is on disk.
    package private(set) var highWater: EventID

    /// How far ahead of the clock the mark is set. It is renewed each second, so one failed renewal doesn't matter.
    package static let reservedTime = Duration.seconds(10)
    /// At least so many ids are reserved, however far the ids run ahead of the clock.
    package static let reservedCount: Int64 = 1_000_000
    /// A new log begins so far ahead of the clock. Ids run ahead of the clock after unclean stops; if the file is lost
    /// then, the new one must still start above every id of the old one.
    package static let newLogMargin = Duration.seconds(20)

    package init(last: EventID, highWater: EventID) {
        precondition(last <= highWater, "ids were given above the high water mark")
        self.last = last
        self.highWater = highWater
    }

    /// The mark that has to be on disk before `count` more ids are given at `now`, or nil if the present one will do.
    package func markNeeded(for count: Int, at now: Timestamp) -> EventID? {
        let newest = max(self.last.rawValue + 1, now.microseconds) + Int64(count)
        return newest <= self.highWater.rawValue ? nil : max(self.mark(at: now), EventID(newest))
    }

    /// The mark to reserve at `now`: ten seconds or a million ids ahead, whichever is more.
    package func mark(at now: Timestamp) -> EventID {
        EventID(
            max(
                now.advanced(by: Self.reservedTime).microseconds,
                self.last.rawValue + Self.reservedCount,
                self.highWater.rawValue
            )
        )
    }

    /// `mark` is on disk.
    package mutating func reserved(through mark: EventID) {
        precondition(mark >= self.highWater, "the high water mark never falls")
        self.highWater = mark
    }

    /// The next id without regard to the time, while no higher mark can be reserved; nil if the mark is reached. What is
    /// reserved is renewed each second, so there are hardly ever fewer than a million left.
    package mutating func nextReserved() -> EventID? {
        guard self.last < self.highWater else { return nil }
        self.last = self.last.next
        return self.last
    }

    /// The next id. The mark must allow it: see `markNeeded`.
    package mutating func next(at now: Timestamp) -> EventID {
        let id = EventID(max(self.last.rawValue + 1, now.microseconds))
        precondition(id <= self.highWater, "an id above the high water mark")
        self.last = id
        return id
    }
}
