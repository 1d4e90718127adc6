/// How far the log is behind the ids that were given, because events had to be set aside. Both ids only grow.
package struct LogStanding: Sendable, Equatable {
    /// What has an id up to this one is in the log.
    package private(set) var writtenThrough: EventID
    /// What has an id above this one is kept in memory until it is written. Between the two, events are lost for
    /// everybody who did not get them live.
    package private(set) var keptAfter: EventID
    /// Where the gap for them begins. It may reach back further than they do, if an older gap went into it.
    package private(set) var lostAfter: EventID

    /// - Parameter keptAfter: nil if nothing is lost.
    package init(writtenThrough: EventID, keptAfter: EventID? = nil, lostAfter: EventID? = nil) {
        self.writtenThrough = writtenThrough
        self.keptAfter = max(keptAfter ?? writtenThrough, writtenThrough)
        self.lostAfter = min(lostAfter ?? writtenThrough, writtenThrough)
    }

    /// The later of the two, whatever the order in which they came to be known.
    package mutating func advance(to other: LogStanding) {
        if other.keptAfter >= self.keptAfter { self.lostAfter = other.lostAfter }
        self.writtenThrough = max(self.writtenThrough, other.writtenThrough)
        self.keptAfter = max(self.keptAfter, other.keptAfter, self.writtenThrough)
    }

    /// The events that are lost, as the gap that is going to be stored.
    package var lost: Gap? {
        guard self.writtenThrough < self.keptAfter else { return nil }
        return Gap(
            id: self.keptAfter,
            channel: nil,
            after: self.lostAfter,
            before: self.keptAfter.next,
            reason: .unlogged
        )
    }
}
