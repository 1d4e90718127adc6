/// What one client saw over all its connections, in little: its place, the newest event of each stream, what it was told
/// to miss and what it did miss. Who is right about that is decided at the end, when all that was published is known.
struct SoakRecord: Sendable {
    let name: String
    private let traffic: SoakTraffic
    private let channel: Int
    private let channelName: String
    /// History says what the log has, and has no `live`.
    let readsHistory: Bool

    /// What to come back with.
    private(set) var cursor: String
    private(set) var gaps: [SoakGap] = []
    private(set) var holes: [Hole] = []
    private(set) var violations = SoakViolations()
    private(set) var delivered = 0
    private(set) var replayed = 0
    private(set) var connections = 0
    private var beginning: Int64 = 0
    private var position: Int64 = 0
    private var newestEvent: Int64 = 0
    private var newest: [Int: SoakEvent] = [:]
    private var isLive = false
    private var ended: Set<Int> = []

    /// Numbers that the client did not get between two events that it did get, or before the first.
    struct Hole: Sendable {
        let stream: Int
        let numbers: Range<Int>
        /// Where the client stood: what lies up to here is no loss.
        let after: Int64
    }

    /// - Parameter beginning: a cursor, or "latest".
    init(name: String, traffic: SoakTraffic, channel: Int, from beginning: String, readsHistory: Bool = false) {
        self.name = name
        self.traffic = traffic
        self.channel = channel
        self.channelName = traffic.name(ofChannel: channel)
        self.cursor = beginning
        self.readsHistory = readsHistory
    }

    /// It has seen an event from the end of each stream, on a connection that is live.
    var isComplete: Bool { self.ended.count == self.traffic.publishers && (self.isLive || self.readsHistory) }

    func isOf(stream: Int) -> Bool { self.traffic.channel(of: stream) == self.channel }

    mutating func connected() {
        self.connections += 1
        self.isLive = false
    }

    mutating func take(_ message: SoakMessage, _ publications: inout SoakPublications) {
        switch message {
        case .event(let event, let channel): self.take(event, channel, &publications)
        case .changed(let text): self.violations.add(.changed, "\(self.name) got \(text)")
        case .gap(let gap): self.take(gap)
        case .live(let id): self.tookLive(id)
        }
    }

    private mutating func take(_ event: SoakEvent, _ channel: String, _ publications: inout SoakPublications) {
        self.delivered += 1
        if !self.isLive { self.replayed += 1 }
        guard publications.saw(event, self.readsHistory ? .logged : []) else { return }
        guard self.traffic.channel(of: event.stream) == self.channel, channel == self.channelName else {
            return self.violations.add(.changed, "\(self.name) got \(event) on '\(channel)'")
        }
        if event.id <= self.newestEvent || event.id <= self.position {
            let kind: SoakViolation.Kind = self.newest.values.contains { $0.id == event.id } ? .twice : .outOfOrder
            return self.violations.add(kind, "\(self.name) got \(event) after the id \(self.position)")
        }
        let before = self.newest[event.stream]
        if let before, event.number <= before.number {
            return self.violations.add(
                event.number == before.number ? .twice : .outOfOrder,
                "\(self.name) got \(event) after \(before)"
            )
        }
        let next = before.map { $0.number + 1 } ?? 0
        if event.number > next {
            let hole = Hole(stream: event.stream, numbers: next..<event.number, after: before?.id ?? self.beginning)
            self.holes.append(hole)
        }
        self.newest[event.stream] = event
        self.newestEvent = event.id
        self.move(to: event.id)
        if event.isLast { self.ended.insert(event.stream) }
    }

    private mutating func take(_ gap: SoakGap) {
        self.gaps.append(gap)
        // These two may lead back.
        if gap.reason == "ahead" || gap.reason == "replaced" { self.position = gap.id }
        if gap.id < self.position || gap.before <= gap.after {
            self.violations.add(.outOfOrder, "\(self.name) got \(gap) after the id \(self.position)")
        }
        self.move(to: gap.id)
    }

    private mutating func tookLive(_ id: Int64) {
        if self.isLive { self.violations.add(.twice, "\(self.name) got a second live") }
        if id < self.position { self.violations.add(.outOfOrder, "\(self.name) got live \(id) after \(self.position)") }
        self.isLive = true
        if self.cursor == "latest" { self.beginning = id }
        self.move(to: id)
    }

    private mutating func move(to id: Int64) {
        self.position = id
        self.cursor = String(id)
    }

    /// To be called at the end.
    mutating func finish() {
        if !self.isLive && !self.readsHistory { self.violations.add(.neverLive, "\(self.name), at \(self.cursor)") }
        if self.isComplete { return }
        self.violations.add(
            .neverCaughtUp,
            "\(self.name), at \(self.cursor), saw \(self.ended.count) streams to their ends"
        )
    }
}

/// What a raw client saw: payloads without ids. It is told no gap, and what comes between two connections is lost to it.
struct SoakRawRecord: Sendable {
    let name: String
    private let traffic: SoakTraffic
    private let channel: Int
    private(set) var holes: [SoakRecord.Hole] = []
    private(set) var violations = SoakViolations()
    private(set) var delivered = 0
    private(set) var connections = 0
    private var newest: [Int: Int] = [:]
    private var newestEver: [Int: Int] = [:]
    private var ended: Set<Int> = []

    init(name: String, traffic: SoakTraffic, channel: Int) {
        self.name = name
        self.traffic = traffic
        self.channel = channel
    }

    var isComplete: Bool { self.ended.count == self.traffic.publishers }

    mutating func connected() {
        self.connections += 1
        self.newest = [:]
    }

    /// - Parameter event: nil if the payload was never published so.
    mutating func take(_ event: SoakEvent?, _ text: String) {
        self.delivered += 1
        guard let event, self.traffic.channel(of: event.stream) == self.channel else {
            return self.violations.add(.changed, "\(self.name) got '\(text)'")
        }
        if let before = self.newestEver[event.stream], event.number <= before {
            return self.violations.add(
                event.number == before ? .twice : .outOfOrder,
                "\(self.name) got \(event.stream):\(event.number) after number \(before)"
            )
        }
        if let before = self.newest[event.stream], event.number > before + 1 {
            self.holes.append(SoakRecord.Hole(stream: event.stream, numbers: before + 1..<event.number, after: 0))
        }
        self.newest[event.stream] = event.number
        self.newestEver[event.stream] = event.number
        if event.isLast { self.ended.insert(event.stream) }
    }

    mutating func finish() {
        if self.isComplete { return }
        self.violations.add(.neverCaughtUp, "\(self.name), saw \(self.ended.count) streams to their ends")
    }
}
