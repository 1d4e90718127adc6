/// A promise that was broken.
enum SoakViolation {
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
}

/// Violations, counted; the texts of the first of each kind are kept.
struct SoakViolations: Sendable {
    private var texts: [SoakViolation.Kind: [String]] = [:]
    private(set) var counts: [SoakViolation.Kind: Int] = [:]
    /// Of one kind, which one reads.
    private static let kept = 12

    mutating func add(_ kind: SoakViolation.Kind, _ text: @autoclosure () -> String) {
        self.counts[kind, default: 0] += 1
        if self.texts[kind, default: []].count < Self.kept { self.texts[kind, default: []].append(text()) }
    }

    mutating func add(_ others: SoakViolations) {
        self.counts.merge(others.counts, uniquingKeysWith: +)
        self.texts.merge(others.texts) { Array(($0 + $1).prefix(Self.kept)) }
    }

    var count: Int { self.counts.values.reduce(0, +) }

    /// Kind by kind: how many, and the first of them.
    var byKind: [(kind: SoakViolation.Kind, count: Int, first: [String])] {
        SoakViolation.Kind.allCases.compactMap { kind in
            self.counts[kind].map { (kind, $0, self.texts[kind, default: []]) }
        }
    }
}
