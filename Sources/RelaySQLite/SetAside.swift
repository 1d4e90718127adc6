import RelayCore

/// What has ids and could not be written yet, oldest first, in bounded memory.
struct SetAside {
    /// As much as the event loops keep in memory of the newest events anyway (16 MiB). It lasts for half a minute at a
    /// thousand events of 200 B a second; after that the oldest are forgotten.
    static let capacity = 16 << 20

    /// What can't be forgotten of the oldest: where recordings began and ended. Empty unless something is lost.
    private(set) var remains: [LogPlan] = []
    private var remainingBytes = 0
    /// What was forgotten so far.
    private(set) var lost: Lost?
    /// What is kept as a whole, all of it newer than what is lost.
    private(set) var plans: [LogPlan] = []
    private var bytes = 0

    struct Lost {
        /// As in a gap: the id from which on events may be missing.
        var after: EventID
        /// An id that was reserved for the gap.
        var through: EventID
    }

    var figures: (events: Int, bytes: Int) {
        let events = self.plans.reduce(0) { $0 + $1.events }
        return (events, self.remainingBytes + self.bytes)
    }

    var isEmpty: Bool { self.plans.isEmpty && self.lost == nil }

    /// - Parameter plan: with an id reserved at its end.
    /// - Throws: `NoRoom` if forgetting all older events would not make room for it.
    mutating func append(_ plan: LogPlan) throws {
        guard self.remainingBytes + plan.bytes <= Self.capacity else { throw NoRoom() }
        if self.remainingBytes + self.bytes + plan.bytes > Self.capacity { self.forget(toFit: plan.bytes) }
        self.plans.append(plan)
        self.bytes += plan.bytes
    }

    /// In runs of a sixteenth of the capacity, so that not each further event moves all that is kept.
    private mutating func forget(toFit bytes: Int) {
        let target = max(0, Self.capacity - Self.capacity / 16 - bytes)
        var forgotten = 0
        for plan in self.plans {
            if self.remainingBytes + self.bytes <= target { break }
            forgotten += 1
            self.bytes -= plan.bytes
            let rest = plan.withoutEvents
            if !rest.isEmpty {
                self.remains.append(rest)
                self.remainingBytes += rest.bytes
            }
            // A gap of all channels goes into this one, which may have to reach further back then.
            let after = plan.entries.reduce(plan.after) { after, entry in
                if case .gap(let gap) = entry, gap.channel == nil { min(after, gap.after) } else { after }
            }
            self.lost = Lost(after: min(self.lost?.after ?? after, after), through: plan.last)
        }
        self.plans.removeFirst(forgotten)
    }

    /// What remains of the forgotten was written, and that it is lost.
    mutating func lossWritten() {
        self.lost = nil
        self.remains = []
        self.remainingBytes = 0
    }

    /// Of the oldest plans as many as fit one transaction, one at least.
    func oldest(upTo bytes: Int) -> ArraySlice<LogPlan> {
        var sum = 0
        return self.plans.prefix { plan in
            defer { sum += plan.bytes }
            return sum == 0 || sum + plan.bytes <= bytes
        }
    }

    /// So many of the oldest plans were written.
    mutating func oldestWritten(_ count: Int) {
        self.bytes -= self.plans.prefix(count).reduce(0) { $0 + $1.bytes }
        self.plans.removeFirst(count)
    }
}

/// What is set aside is more than memory is meant for, and can't be forgotten.
struct NoRoom: Error, CustomStringConvertible {
    let description = "there is no more room in memory for events that could not be written"
}
