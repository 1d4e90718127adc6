import NIOCore
import RelayCore
import RelayHTTP
import RelayTestSupport
import Testing

struct ReplayPagesStateMachineTests {
    typealias Machine = ReplayPagesStateMachine<Int>

    private static let stream = Machine.Stream(ChannelSelection("people"), kind: .enveloped)
    private let start = NIODeadline.uptimeNanoseconds(0)

    private func machine(capacity: Int = 1 << 20) -> Machine {
        Machine(capacity: capacity, lifetime: .seconds(10))
    }

    private func range(_ through: EventID, evictedThrough: EventID = 0) -> Machine.ReadableRange {
        Machine.ReadableRange(evictedThrough: evictedThrough, through: through)
    }

    private func wait(
        _ machine: inout Machine,
        _ cursor: EventID,
        through: EventID = 1000,
        as waiter: Int
    ) -> Machine.Read? {
        machine.wait(for: Self.stream, after: cursor, self.range(through), waiter)
    }

    private func finish(
        _ machine: inout Machine,
        _ read: Machine.Read?,
        _ log: ModelLog,
        limit: Int = 4
    ) throws -> (served: [Int], next: Machine.Read?) {
        let read = try #require(read)
        return machine.pageRead(log.page(read, limit: limit), of: Self.stream, at: self.start)
    }

    private func kept(
        _ machine: Machine,
        _ cursor: EventID,
        through: EventID = 10_000,
        evictedThrough: EventID = 0
    ) -> ReplayPage? {
        machine.page(of: Self.stream, after: cursor, self.range(through, evictedThrough: evictedThrough))
    }

    @Test func `whoever waits within a page is served by the one read`() throws {
        var machine = self.machine()
        let log = ModelLog(events: 100)
        let read = self.wait(&machine, 100, as: 0)
        #expect(read?.after == 100 && read?.through == 1000)
        for (waiter, cursor) in [100, 105, 110, 139].enumerated() {
            #expect(self.wait(&machine, EventID(Int64(cursor)), as: waiter + 1) == nil)
        }
        let (served, next) = try self.finish(&machine, read, log)
        #expect(served == [0, 1, 2, 3, 4] && next == nil)
        let page = try #require(self.kept(machine, 125))
        #expect(try ids(page.frames(after: 125, through: 1000)) == [130, 140])
        #expect(try ids(page.frames(after: 100, through: 120)) == [110, 120])
    }

    @Test func `cursors are served upwards, then from the lowest again`() throws {
        var machine = self.machine()
        let log = ModelLog(events: 100)
        var read = self.wait(&machine, 400, as: 0)
        for (waiter, cursor) in [(1, 200), (2, 900), (3, 600), (4, 205), (5, 100)] {
            #expect(self.wait(&machine, EventID(Int64(cursor)), as: waiter) == nil)
        }
        var order: [[Int]] = []
        while read != nil {
            let (served, next) = try self.finish(&machine, read, log)
            order.append(served)
            read = next
        }
        #expect(order == [[0], [3], [2], [5], [1, 4]])
    }

    @Test func `a read ends where a page begins that is there`() throws {
        var machine = self.machine()
        let log = ModelLog(events: 100)
        _ = try self.finish(&machine, self.wait(&machine, 130, as: 0), log)
        let read = self.wait(&machine, 115, as: 1)
        #expect(read?.through == 130)
        _ = try self.finish(&machine, read, log)
        #expect(self.kept(machine, 120)?.through == 130)
        #expect(self.kept(machine, 130)?.through == 170)
    }

    @Test func `the next two pages are read ahead, once, as long as there are any`() throws {
        var machine = self.machine()
        let log = ModelLog(events: 10)
        let range = self.range(100)
        _ = try self.finish(&machine, self.wait(&machine, 10, through: 100, as: 0), log)
        let first = try #require(self.kept(machine, 10))
        let ahead = machine.taken(first, of: Self.stream, range)
        #expect(ahead?.after == 50 && ahead?.through == 100)
        #expect(machine.taken(first, of: Self.stream, range) == nil)
        // Who comes to that place meanwhile waits for the same page.
        #expect(self.wait(&machine, 50, through: 100, as: 1) == nil)
        #expect(try self.finish(&machine, ahead, log).served == [1])
        let further = machine.taken(first, of: Self.stream, range)
        #expect(further?.after == 90)
        let second = try #require(self.kept(machine, 50))
        #expect(machine.taken(second, of: Self.stream, range) == nil)
        _ = try self.finish(&machine, further, log)
        #expect(machine.taken(first, of: Self.stream, range) == nil)
        #expect(machine.taken(second, of: Self.stream, range) == nil)
        let last = try #require(self.kept(machine, 90))
        #expect(machine.taken(last, of: Self.stream, range) == nil)
    }

    @Test func `while a page becomes frames, the next one is read for who reads fast`() throws {
        var machine = self.machine()
        let log = ModelLog(events: 100)
        let range = self.range(1000)
        let first = self.wait(&machine, 10, as: 0)
        // Nobody has shown yet that he reads fast.
        #expect(self.rows(&machine, first, log) == nil)
        _ = try self.finish(&machine, first, log)
        let second = machine.taken(try #require(self.kept(machine, 10)), of: Self.stream, range)
        #expect(second?.after == 50)
        let third = self.rows(&machine, second, log)
        #expect(third?.after == 90)
        // Two are ahead.
        #expect(self.rows(&machine, third, log) == nil)
        // Who comes to a page that becomes frames waits for it.
        #expect(self.wait(&machine, 60, as: 1) == nil)
        #expect(self.wait(&machine, 90, as: 2) == nil)
        // In whatever order they are done.
        let done = try self.finish(&machine, third, log)
        #expect(done.served == [2] && done.next == nil)
        #expect(try self.finish(&machine, second, log).served == [1])
        #expect(machine.taken(try #require(self.kept(machine, 50)), of: Self.stream, range)?.after == 130)
    }

    @Test func `while a page becomes frames, the next one is read for who waits elsewhere`() throws {
        var machine = self.machine()
        let log = ModelLog(events: 100)
        let first = self.wait(&machine, 100, as: 0)
        for (waiter, cursor) in [(1, 120), (2, 50), (3, 300)] {
            #expect(self.wait(&machine, EventID(Int64(cursor)), as: waiter) == nil)
        }
        let second = self.rows(&machine, first, log)
        #expect(second?.after == 300)
        let third = self.rows(&machine, second, log)
        #expect(third?.after == 50)
        // As many as may become frames at once: the third waits with what follows.
        #expect(self.wait(&machine, 500, as: 4) == nil)
        #expect(self.rows(&machine, third, log) == nil)
        #expect(try self.finish(&machine, first, log).served == [0, 1])
        let (served, next) = try self.finish(&machine, third, log)
        #expect(served == [2] && next?.after == 500)
    }

    /// The rows of a page have been read; `finish` is to follow.
    private func rows(_ machine: inout Machine, _ read: Machine.Read?, _ log: ModelLog) -> Machine.Read? {
        guard let read else { return nil }
        let page = log.page(read, limit: 4)
        return machine.rowsRead(after: read.after, through: page.through, hasMore: page.hasMore, of: Self.stream)
    }

    @Test func `a cursor that has seen nothing shares its page only with its like`() throws {
        var machine = self.machine()
        let log = ModelLog(events: 100)
        _ = try self.finish(&machine, self.wait(&machine, 0, as: 0), log)
        #expect(self.kept(machine, 0) != nil)
        #expect(self.kept(machine, 5) == nil)
    }

    @Test func `that is so also where its beginning was evicted`() throws {
        var machine = self.machine()
        var log = ModelLog(events: 100)
        log.floor = 55
        _ = try self.finish(&machine, self.wait(&machine, 0, as: 0), log)
        #expect(self.kept(machine, 0) != nil)
        #expect(self.kept(machine, 60) == nil)
    }

    @Test func `a page that could not be read is for those who can be told all of the gap, and is not kept`() throws {
        var machine = self.machine()
        // On a loop that is behind.
        _ = self.wait(&machine, 50, through: 190, as: 0)
        let (_, next) = machine.pageRead(self.damaged(after: 50, through: 200), of: Self.stream, at: self.start)
        #expect(next?.after == 50 && next?.through == 190)
        let (served, _) = machine.pageRead(self.damaged(after: 50, through: 190), of: Self.stream, at: self.start)
        #expect(served == [0])
        #expect(self.kept(machine, 50) == nil)
    }

    private func damaged(after: EventID, through: EventID) -> ReplayPage {
        let gap = Gap(id: through, channel: "people", after: after, before: through.next, reason: .damaged)
        let page = LogPage(entries: [.gap(gap)], next: through, atEnd: true)
        return ReplayPage(page, after: after, channel: "people", kind: .enveloped)
    }

    @Test func `what begins among what was evicted is for its cursor alone, what follows for all`() throws {
        var machine = self.machine()
        var log = ModelLog(events: 100)
        log.floor = 55
        _ = try self.finish(&machine, self.wait(&machine, 20, as: 0), log)
        #expect(self.kept(machine, 20) != nil)
        #expect(self.kept(machine, 30) == nil)
        #expect(try ids(try #require(self.kept(machine, 55)).frames(after: 55, through: 1000)).first == 60)
        // A page before it does not end there: all of what was evicted is one gap.
        #expect(self.wait(&machine, 10, as: 1)?.through == 1000)
    }

    @Test func `what was evicted since is not given`() throws {
        var machine = self.machine()
        let log = ModelLog(events: 100)
        _ = try self.finish(&machine, self.wait(&machine, 20, as: 0), log)
        #expect(self.kept(machine, 20, evictedThrough: 30) == nil)
        #expect(self.kept(machine, 30, evictedThrough: 30) != nil)
    }

    @Test func `a page that can't be read fails who waits for it, and nobody else`() throws {
        var machine = self.machine()
        let read = self.wait(&machine, 100, as: 0)
        #expect(read != nil)
        _ = self.wait(&machine, 100, as: 1)
        _ = self.wait(&machine, 110, as: 2)
        let (failed, next) = machine.readFailed(of: Self.stream)
        #expect(failed == [0, 1] && next?.after == 110)
        #expect(try self.finish(&machine, next, ModelLog(events: 100)).served == [2])
    }

    @Test func `pages are kept up to a number of bytes, and for some seconds`() throws {
        let log = ModelLog(events: 1_000)
        var machine = self.machine(capacity: 6_000)
        for cursor in stride(from: 100, to: 2_000, by: 100) {
            _ = try self.finish(&machine, self.wait(&machine, EventID(Int64(cursor)), through: 10_000, as: 0), log)
        }
        let there = stride(from: 100, to: 2_000, by: 100).filter { self.kept(machine, EventID(Int64($0))) != nil }
        #expect(!there.isEmpty && there.count < 10 && there.last == 1_900)
        machine.expire(at: self.start + .seconds(9))
        #expect(self.kept(machine, 1_900) != nil)
        machine.expire(at: self.start + .seconds(10))
        #expect(self.kept(machine, 1_900) == nil)
    }

    @Test(arguments: SeededGenerator.seeds(fixed: 5, new: 20))
    func `in whatever order things happen, each gets all that follows its cursor, once, or is told`(seed: UInt64) throws
    {
        var random = SeededGenerator(seed: seed)
        let events = 200
        let head = EventID(Int64(events * 10))
        var log = ModelLog(events: events)
        var machine = self.machine(capacity: Int.random(in: 0...20_000, using: &random))
        var pending: Machine.Read?
        var encoding: [ReplayPage] = []
        var clients = (0..<20).map { _ in
            ModelClient(cursor: EventID(Int64.random(in: 0...head.rawValue, using: &random)))
        }
        clients.append(ModelClient(cursor: .zero))
        while let some = clients.indices.filter({ clients[$0].cursor < head }).randomElement(using: &random) {
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                log.floor = EventID(
                    min(head.rawValue - 1, log.floor.rawValue + Int64.random(in: 0...40, using: &random))
                )
            case 1..<3:
                guard let read = pending else { continue }
                let page = log.page(read, limit: Int.random(in: 1...20, using: &random))
                encoding.append(page)
                try #require(encoding.count <= 3)
                pending = machine.rowsRead(
                    after: page.after,
                    through: page.through,
                    hasMore: page.hasMore,
                    of: Self.stream
                )
            case 3..<5:
                guard let index = encoding.indices.randomElement(using: &random) else { continue }
                let page = encoding.remove(at: index)
                let (served, next) = machine.pageRead(page, of: Self.stream, at: self.start)
                if let next {
                    try #require(pending == nil, "two reads of one stream at once")
                    pending = next
                }
                for client in served {
                    clients[client].isWaiting = false
                    try clients[client].take(page, through: clients[client].readable)
                }
            default:
                if clients[some].isWaiting { continue }
                // A loop may not have seen all of the log yet, nor all that was evicted.
                let cursor = clients[some].cursor
                let readable = EventID(Int64.random(in: cursor.next.rawValue...head.rawValue, using: &random))
                let range = self.range(readable, evictedThrough: Bool.random(using: &random) ? log.floor : .zero)
                let read: Machine.Read?
                if let page = machine.page(of: Self.stream, after: cursor, range) {
                    try clients[some].take(page, through: readable)
                    read = machine.taken(page, of: Self.stream, range)
                } else {
                    clients[some].isWaiting = true
                    clients[some].readable = readable
                    read = machine.wait(for: Self.stream, after: cursor, range, some)
                }
                if let read {
                    try #require(pending == nil, "two reads of one stream at once")
                    pending = read
                }
            }
        }
        for client in clients {
            for id in stride(from: Int64(10), through: head.rawValue, by: 10) where id > client.start.rawValue {
                let isTold = client.gaps.contains { $0.contains(id) }
                #expect(client.ids.contains(id) || isTold, "\(client.start) did not get \(id)")
            }
            #expect(client.ids == client.ids.sorted() && Set(client.ids).count == client.ids.count)
        }
    }
}

/// A log of one channel with the ids 10, 20, 30 ….
private struct ModelLog {
    let events: Int
    var floor = EventID.zero

    init(events: Int) {
        self.events = events
    }

    func page(_ read: ReplayPagesStateMachineTests.Machine.Read, limit: Int) -> ReplayPage {
        var entries: [LogEntry] = []
        var from = read.after
        if from < self.floor {
            from = min(self.floor, read.through)
            entries.append(
                .gap(Gap(id: from, channel: "people", after: read.after, before: from.next, reason: .evicted))
            )
        }
        let ids = (1...self.events).map { EventID(Int64($0 * 10)) }.filter { from < $0 && $0 <= read.through }
        for id in ids.prefix(limit) {
            let time = Timestamp(microseconds: id.rawValue)
            entries.append(.event(Event(id: id, channel: "people", time: time, payload: Payload("\(id)"))))
        }
        let atEnd = ids.count <= limit
        let page = LogPage(entries: entries, next: atEnd ? read.through : ids[limit - 1], atEnd: atEnd)
        return ReplayPage(page, after: read.after, channel: "people", kind: .enveloped)
    }
}

private struct ModelClient {
    let start: EventID
    var cursor: EventID
    var isWaiting = false
    var readable = EventID.zero
    var ids: [Int64] = []
    var gaps: [Range<Int64>] = []

    init(cursor: EventID) {
        self.start = cursor
        self.cursor = cursor
    }

    mutating func take(_ page: ReplayPage, through readable: EventID) throws {
        let through = min(page.through, readable)
        for envelope in try envelopes(page.frames(after: self.cursor, through: through)) {
            if envelope.type == "gap" {
                let (after, before) = (try #require(envelope.after), try #require(envelope.before))
                self.gaps.append(after + 1..<before)
            } else {
                self.ids.append(envelope.id)
            }
        }
        try #require(through > self.cursor)
        self.cursor = through
    }
}

/// The messages of frames that are shorter than 64 KiB.
private func envelopes(_ frames: ByteBuffer) throws -> [Envelope] {
    var frames = frames
    var all: [Envelope] = []
    while frames.readInteger(as: UInt8.self) == 0x81, let short = frames.readInteger(as: UInt8.self) {
        let long = short < 126 ? nil : frames.readInteger(as: UInt16.self)
        let text = frames.readString(length: long.map(Int.init) ?? Int(short))
        all.append(try Envelope(parsing: try #require(text)))
    }
    return all
}

private func ids(_ frames: ByteBuffer) throws -> [Int64] {
    try envelopes(frames).map(\.id)
}
