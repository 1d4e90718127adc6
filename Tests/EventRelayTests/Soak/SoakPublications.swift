/// What was published, and with which id each event was seen: nine bytes an event, so that an hour fits in memory.
struct SoakPublications: Sendable {
    private(set) var streams: [Stream]
    private(set) var violations = SoakViolations()

    struct Stream: Sendable {
        /// By number; 0 where nobody saw it yet.
        fileprivate(set) var ids: [Int64] = []
        fileprivate(set) var facts: [Facts] = []

        var count: Int { self.ids.count }
    }

    struct Facts: OptionSet, Sendable {
        let rawValue: UInt8
        /// PostgreSQL said that it was committed. Without it, it may have been: the connection broke meanwhile.
        static let confirmed = Facts(rawValue: 1)
        /// The log had it at some time.
        static let logged = Facts(rawValue: 2)
        /// The log has it at the end.
        static let kept = Facts(rawValue: 4)
    }

    init(streams: Int) {
        self.streams = Array(repeating: Stream(), count: streams)
    }

    /// - Returns: the number of the event that is about to be published.
    mutating func attempt(_ stream: Int) -> Int {
        self.streams[stream].ids.append(0)
        self.streams[stream].facts.append([])
        return self.streams[stream].count - 1
    }

    mutating func confirm(_ stream: Int, _ number: Int) {
        self.streams[stream].facts[number].insert(.confirmed)
    }

    /// - Parameter facts: what seeing it there says.
    /// - Returns: whether it was published at all.
    mutating func saw(_ event: SoakEvent, _ facts: Facts = []) -> Bool {
        guard self.streams.indices.contains(event.stream), event.number < self.streams[event.stream].count else {
            self.violations.add(.changed, "an event \(event) that was never published")
            return false
        }
        self.streams[event.stream].facts[event.number].formUnion(facts)
        switch self.streams[event.stream].ids[event.number] {
        case 0: self.streams[event.stream].ids[event.number] = event.id
        case event.id: break
        case let other: self.violations.add(.twoIDs, "\(event) was seen with the id \(other) too")
        }
        return true
    }

    /// Events that share an id, or have that of a stored gap.
    func reusedIDs(_ gaps: [SoakGap]) -> [Int64] {
        let ids = (self.streams.flatMap(\.ids).filter { $0 != 0 } + Set(gaps.map(\.id))).sorted()
        return zip(ids, ids.dropFirst()).filter { $0 == $1 }.map(\.0)
    }

    var attempted: Int { self.streams.reduce(0) { $0 + $1.count } }
    func count(_ fact: Facts) -> Int { self.streams.reduce(0) { $0 + $1.facts.count { $0.contains(fact) } } }
    /// Confirmed, and seen by nobody and in no log.
    var unseen: Int {
        self.streams.reduce(0) { $0 + zip($1.ids, $1.facts).count { $0 == 0 && $1.contains(.confirmed) } }
    }
}

extension SoakPublications.Stream {
    /// An event that somebody did not get, and between which ids it must have lain.
    struct Missing {
        let number: Int
        /// Nil where nobody ever saw it.
        let id: Int64?
        let after: Int64
        let before: Int64
        let facts: SoakPublications.Facts
    }

    /// What was committed among these numbers, each with its id or with those of its nearest neighbours.
    func missing(_ numbers: Range<Int>, _ body: (Missing) -> Void) {
        var after = numbers.lowerBound == 0 ? 0 : self.ids[..<numbers.lowerBound].last { $0 != 0 } ?? 0
        var next = numbers.lowerBound
        for number in numbers {
            let id = self.ids[number]
            if id != 0 {
                body(Missing(number: number, id: id, after: id - 1, before: id + 1, facts: self.facts[number]))
                after = id
            } else if self.facts[number].contains(.confirmed) {
                if next <= number { next = self.ids[number...].firstIndex { $0 != 0 } ?? self.count }
                let before = next < self.count ? self.ids[next] : .max
                body(Missing(number: number, id: nil, after: after, before: before, facts: self.facts[number]))
            }
        }
    }
}
