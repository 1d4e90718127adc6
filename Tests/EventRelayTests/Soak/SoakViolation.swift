/// A promise that was broken.
struct SoakViolation: Sendable {
    enum Kind: String, CaseIterable, Sendable {
        case lost, twice
        case outOfOrder = "out of order"
        case changed = "changed payload"
        case reusedID = "id given twice"
        case twoIDs = "event with two ids"
        case withoutGap = "missing without a gap"
        case notInLog = "seen, not in the log"
        case neverLive = "never live"
        case neverCaughtUp = "never caught up"
        case damagedLog = "damaged log"
        case stopped = "did not stop or start"
    }

    let kind: Kind
    let text: String
}

/// Violations, counted; the texts of the first are kept.
struct SoakViolations: Sendable {
    private(set) var counts: [SoakViolation.Kind: Int] = [:]
    private(set) var first: [SoakViolation] = []
    /// Of texts, which one reads.
    private static let kept = 40

    mutating func add(_ kind: SoakViolation.Kind, _ text: @autoclosure () -> String) {
        self.counts[kind, default: 0] += 1
        if self.first.count < Self.kept { self.first.append(SoakViolation(kind: kind, text: text())) }
    }

    mutating func add(_ others: SoakViolations) {
        self.counts.merge(others.counts, uniquingKeysWith: +)
        self.first = Array((self.first + others.first).prefix(Self.kept))
    }

    var count: Int { self.counts.values.reduce(0, +) }
}
