import RelayTestSupport
import Testing

/// The audit finds each kind of broken promise, and nothing where all were kept.
struct SoakAuditTests {
    private static let traffic = SoakTraffic(channels: 1, publishers: 2)

    /// A small run: stream 0 has the numbers 0 to 5 with the ids 10 to 60, stream 1 has the numbers 0 and 1 with the ids
    /// 15 and 65; all were confirmed, and the last ones are marked as such.
    private static let events: [SoakEvent] = {
        var events = (0..<6).map { SoakEvent(id: Int64($0 + 1) * 10, stream: 0, number: $0, isLast: $0 == 5) }
        events.append(SoakEvent(id: 15, stream: 1, number: 0))
        events.append(SoakEvent(id: 65, stream: 1, number: 1, isLast: true))
        return events.sorted { $0.id < $1.id }
    }()

    private static let event = Self.events.map { SoakMessage.event($0, channel: "soak0") }

    private struct Run {
        var publications = SoakPublications(streams: 2)
        var record: SoakRecord
        var pager = SoakRecord(name: "pager", traffic: traffic, channel: 0, from: "0", readsHistory: true)
        var raw = SoakRawRecord(name: "raw", traffic: traffic, channel: 0)
        var log = SoakLog()

        init(from beginning: String = "0") {
            self.record = SoakRecord(name: "client", traffic: traffic, channel: 0, from: beginning)
            for (stream, count) in [(0, 6), (1, 2)] {
                for _ in 0..<count { self.publications.confirm(stream, self.publications.attempt(stream)) }
            }
        }

        mutating func client(_ messages: [SoakMessage]) {
            self.record.connected()
            for message in messages { self.record.take(message, &self.publications) }
        }

        mutating func pager(_ events: [SoakEvent]) {
            self.pager.connected()
            for event in events { self.pager.take(.event(event, channel: "soak0"), &self.publications) }
        }

        mutating func rawClient(_ events: [SoakEvent]) {
            self.raw.connected()
            for event in events { self.raw.take(event, "") }
        }

        mutating func log(_ events: [SoakEvent], gaps: [SoakGap] = []) {
            for event in events { self.log.take(event, &self.publications) }
            self.log.gaps += gaps.map { ($0, nil) }
        }

        mutating func found() -> [SoakViolation.Kind: Int] {
            self.record.finish()
            let audit = SoakAudit(
                traffic: traffic,
                publications: self.publications,
                records: [self.record, self.pager],
                raws: [self.raw],
                log: self.log
            )
            return audit.violations().counts
        }
    }

    private static let live = SoakMessage.live(id: 70)

    private func without(_ numbers: Int...) -> [SoakEvent] {
        Self.events.filter { $0.stream != 0 || !numbers.contains($0.number) }
    }

    private func messages(_ events: [SoakEvent]) -> [SoakMessage] {
        events.map { .event($0, channel: "soak0") }
    }

    private func gap(_ after: Int64, _ before: Int64, _ reason: String = "disconnected") -> SoakGap {
        SoakGap(id: before - 1, after: after, before: before, reason: reason)
    }

    @Test func `where all was kept nothing is found`() {
        var run = Run()
        run.client(Self.event + [Self.live])
        run.pager(Self.events)
        run.rawClient(Self.events)
        run.log(Self.events)
        #expect(run.found() == [:])
    }

    @Test func `over several connections the record goes on`() {
        var run = Run()
        run.client(Array(Self.event[..<3]) + [.live(id: 20)])
        run.client([.live(id: 20)] + Array(Self.event[3...]))
        run.log(Self.events)
        #expect(run.found() == [:])
    }

    @Test func `an event that the log has and a client did not get is lost`() {
        var run = Run()
        run.client(self.messages(self.without(2)) + [Self.live])
        run.log(Self.events)
        #expect(run.found() == [.lost: 1])
    }

    @Test func `a gap of an outage does not excuse what the log has, an evicted one does`() {
        for (reason, found) in [("disconnected", [SoakViolation.Kind.lost: 1]), ("evicted", [:])] {
            var run = Run()
            var messages = self.messages(self.without(2))
            messages.insert(.gap(self.gap(21, 35, reason)), at: 3)
            run.client(messages + [Self.live])
            run.log(Self.events)
            #expect(run.found() == found, "\(reason)")
        }
    }

    @Test func `a gap elsewhere excuses nothing`() {
        var run = Run()
        var messages = self.messages(self.without(2))
        messages.insert(.gap(self.gap(40, 46, "evicted")), at: 4)
        run.client(messages + [Self.live])
        run.log(Self.events)
        #expect(run.found() == [.lost: 1])
    }

    @Test func `what nobody saw needs a gap, told and stored`() {
        for (isTold, isStored, found) in [
            (true, true, [:]), (false, true, [.withoutGap: 1]), (true, false, [.withoutGap: 1]),
            (false, false, [.withoutGap: 2]),
        ] as [(Bool, Bool, [SoakViolation.Kind: Int])] {
            var run = Run()
            var messages = self.messages(self.without(2))
            if isTold { messages.insert(.gap(self.gap(22, 35)), at: 3) }
            run.client(messages + [Self.live])
            run.log(self.without(2), gaps: isStored ? [self.gap(22, 35)] : [])
            #expect(run.found() == found, "told \(isTold), stored \(isStored)")
        }
    }

    @Test func `what was not confirmed may be missing`() {
        var run = Run()
        run.publications = SoakPublications(streams: 2)
        for (stream, count) in [(0, 6), (1, 2)] {
            for _ in 0..<count {
                let number = run.publications.attempt(stream)
                if number != 2 { run.publications.confirm(stream, number) }
            }
        }
        run.client(self.messages(self.without(2)) + [Self.live])
        run.log(self.without(2))
        #expect(run.found() == [:])
    }

    @Test func `an event that comes twice is found`() {
        var run = Run()
        run.client(Array(Self.event[...3]) + Array(Self.event[3...]) + [Self.live])
        run.log(Self.events)
        #expect(run.found() == [.twice: 1])
    }

    @Test func `an event that comes twice with another id is found, and its second id too`() {
        var run = Run()
        var again = Self.events[3]
        again.id += 1
        run.client(Array(Self.event[...3]) + self.messages([again]) + Array(Self.event[4...]) + [Self.live])
        run.log(Self.events)
        #expect(run.found() == [.twice: 1, .twoIDs: 1])
    }

    @Test func `events out of order are found`() {
        var run = Run()
        var messages = Self.event
        messages.swapAt(3, 4)
        run.client(messages + [Self.live])
        run.log(Self.events)
        let found = run.found()
        #expect(found[.outOfOrder] == 1)
    }

    @Test func `a log whose order is not that of the commits is found`() {
        var run = Run()
        var events = Self.events
        (events[2].number, events[3].number) = (events[3].number, events[2].number)
        run.client(Self.event + [Self.live])
        run.log(events)
        #expect(run.found() == [.outOfOrder: 1, .twoIDs: 2])
    }

    @Test func `a payload that was changed is found`() throws {
        let text = SoakPayload.text(stream: 0, number: 3, isLast: false)
        func envelope(_ payload: String) -> String {
            #"{"type":"event","id":40,"channel":"soak0","time":"2026-11-22T22:27:08.746337Z","payload":"\#(payload)"}"#
        }
        guard case .event(let event, "soak0") = try SoakMessage(parsing: envelope(text)) else {
            Issue.record("not an event")
            return
        }
        #expect(event == SoakEvent(id: 40, stream: 0, number: 3))
        for changed in [text + "x", String(text.dropLast()), text.replacing("d", with: "e"), "3", ""] {
            guard case .changed = try SoakMessage(parsing: envelope(changed)) else {
                Issue.record("'\(changed)' passed")
                continue
            }
        }
        var run = Run()
        run.client(Array(Self.event[..<3]) + [try SoakMessage(parsing: envelope(text + "x"))] + Array(Self.event[3...]))
        #expect(run.found()[.changed] == 1)
    }

    @Test func `an event on another channel and one that nobody published are found`() {
        var run = Run()
        run.client([.event(Self.events[0], channel: "soak1")])
        run.pager([SoakEvent(id: 99, stream: 0, number: 77)])
        #expect(run.found()[.changed] == 2)
    }

    @Test func `an id that two events got is found, also where one of them is a gap`() {
        var run = Run()
        var other = Self.events[1]
        #expect(other.stream == 1)
        other.id = 10
        run.pager([Self.events[0]])
        run.log([other])
        #expect(run.found()[.reusedID] == 1)

        var withGap = Run()
        withGap.client(Self.event + [Self.live])
        withGap.log(Self.events, gaps: [SoakGap(id: 30, after: 20, before: 31, reason: "restarted")])
        #expect(withGap.found() == [.reusedID: 1])
    }

    @Test func `an event that a client saw and the log has not is found, unless it is evicted or in a gap`() {
        for (floor, gaps, found) in [
            (0, [], [.notInLog: 1]), (30, [], [:]), (29, [], [.notInLog: 1]), (0, [self.gap(25, 36)], [:]),
            (0, [self.gap(30, 36)], [.notInLog: 1]),
        ] as [(Int64, [SoakGap], [SoakViolation.Kind: Int])] {
            var run = Run()
            run.client(Self.event + [Self.live])
            run.log(self.without(2), gaps: gaps)
            run.log.floors = [0: floor]
            #expect(run.found() == found, "floor \(floor), gaps \(gaps)")
        }
    }

    @Test func `what came before a client's beginning is not lost to it`() {
        var run = Run(from: "latest")
        run.client([.live(id: 35)] + Array(Self.event[4...]))
        run.log(Self.events)
        #expect(run.found() == [:])
        var early = Run(from: "latest")
        early.client([.live(id: 25)] + Array(Self.event[4...]))
        early.log(Self.events)
        #expect(early.found() == [.lost: 1])
    }

    @Test func `a client that was never told live, or did not get to the end, is found`() {
        var run = Run()
        run.client(Self.event)
        run.log(Self.events)
        #expect(run.found() == [.neverLive: 1, .neverCaughtUp: 1])
        var short = Run()
        short.client(Self.event.dropLast() + [.live(id: 60)])
        short.log(Self.events)
        #expect(short.found() == [.neverCaughtUp: 1])
    }

    @Test func `a raw client's loss on one connection is found, between two it is not`() {
        var run = Run()
        run.client(Self.event + [Self.live])
        run.rawClient(self.without(2))
        run.log(Self.events)
        #expect(run.found() == [.lost: 1])
        var cut = Run()
        cut.client(Self.event + [Self.live])
        cut.rawClient(Array(Self.events[..<2]))
        cut.rawClient(Array(Self.events[4...]))
        cut.log(Self.events)
        #expect(cut.found() == [:])
        var twice = Run()
        twice.client(Self.event + [Self.live])
        twice.rawClient(Array(Self.events[...2]) + Array(Self.events[2...]))
        twice.log(Self.events)
        #expect(twice.found() == [.twice: 1])
    }

    @Test func `a second live, and an id that falls, are found`() {
        var run = Run()
        run.client(Self.event + [Self.live, Self.live])
        run.log(Self.events)
        #expect(run.found() == [.twice: 1])
        var falls = Run()
        falls.client(Self.event + [.live(id: 64)])
        falls.log(Self.events)
        #expect(falls.found() == [.outOfOrder: 1])
    }
}
