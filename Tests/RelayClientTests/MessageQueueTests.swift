import RelayClient
import Testing

struct MessageQueueTests {
    private func event(_ id: Int64) -> Message {
        .event(Event(id: id, channel: "a", time: "t", payload: ""))
    }

    private func gap(_ id: Int64, _ reason: Gap.Reason = .replaced) -> Message {
        .gap(Gap(id: id, channel: "a", after: 0, before: 1, lost: nil, reason: reason))
    }

    private func queue(from position: Position = .latest, messages: Int = 4, bytes: Int = 1000) -> MessageQueue {
        var limits = MessageQueue.Limits()
        (limits.messages, limits.bytes, limits.mostBytes, limits.bytesOfEntry) = (messages, bytes, 2 * bytes, 0)
        return MessageQueue(from: Cursor(position: position), limits: limits)
    }

    @Test
    func `what is handed out is handled when the next is asked for`() {
        var queue = self.queue(from: .after(5))
        #expect(queue.next() == nil)
        #expect(queue.put(self.event(7), bytes: 1) == true)
        #expect(queue.put(self.event(9), bytes: 1) == true)
        #expect(queue.received.position == .after(9))
        #expect(queue.next() == self.event(7))
        #expect(queue.handled.position == .after(5))
        #expect(queue.next() == self.event(9))
        #expect(queue.handled.position == .after(7))
        #expect(queue.next() == nil)
        #expect(queue.handled.position == .after(9))
    }

    @Test
    func `a position follows each message, back too, and the log comes with live`() {
        var queue = self.queue(from: .after(100))
        for message in [self.gap(50), self.event(60), .live(Live(id: 70, log: "new"))] {
            #expect(queue.put(message, bytes: 1) == true)
            #expect(queue.received.position == .after(message.id))
            #expect(queue.next() == message)
        }
        #expect(queue.handled == Cursor(position: .after(60)))
        #expect(queue.next() == nil)
        #expect(queue.handled == Cursor(position: .after(70), log: "new"))
    }

    @Test
    func `a place is handled when all before it is`() {
        var queue = self.queue(from: .after(5))
        queue.put(place: 6)
        #expect(queue.put(self.event(7), bytes: 1) == true)
        queue.put(place: 8)
        #expect(queue.next() == self.event(7))
        #expect(queue.handled.position == .after(6))
        #expect(queue.next() == nil)
        #expect(queue.handled.position == .after(8))
    }

    @Test
    func `it is full by messages or bytes, and has room at half of both`() {
        var queue = self.queue()
        for id in 1...4 {
            #expect(!queue.isFull)
            #expect(queue.put(self.event(Int64(id)), bytes: 1) == true)
        }
        #expect(queue.isFull)
        _ = queue.next()
        #expect(!queue.isFull && !queue.hasRoom)
        _ = queue.next()
        #expect(queue.hasRoom)
        #expect(queue.put(self.event(5), bytes: 998) == true)
        #expect(queue.isFull && !queue.hasRoom)
    }

    @Test
    func `beyond the last limit no message is taken, and the place does not move`() {
        var queue = self.queue()
        #expect(queue.put(self.event(1), bytes: 1500) == true)
        #expect(queue.put(self.event(2), bytes: 501) == false)
        #expect(queue.received.position == .after(1) && queue.count == 1 && queue.bytes == 1500)
        #expect(queue.put(self.event(2), bytes: 500) == true)
    }

    @Test
    func `what is forgotten comes again after what was handed out`() {
        var queue = self.queue(from: .after(0))
        for id in 1...3 { #expect(queue.put(self.event(Int64(id)), bytes: 1) == true) }
        _ = queue.next()
        queue.forget()
        #expect(queue.received.position == .after(1) && queue.handled.position == .after(0))
        #expect(queue.count == 0 && queue.bytes == 0)
        #expect(queue.next() == nil)
        #expect(queue.handled.position == .after(1))
        #expect(queue.put(self.event(2), bytes: 1) == true)
        #expect(queue.next() == self.event(2))
    }

    @Test
    func `places are taken beyond every limit, and are no more than messages`() {
        var queue = self.queue(from: .after(0))
        #expect(queue.put(self.event(1), bytes: 2000) == true)
        for id in 2...100 { queue.put(place: Int64(id)) }
        #expect(queue.received.position == .after(100) && queue.count == 2 && queue.bytes == 2000)
        #expect(queue.next() == self.event(1))
        #expect(queue.next() == nil)
        #expect(queue.handled.position == .after(100))
    }

    @Test
    func `what is forgotten before anything was handed out comes again after the first place, not from latest`() {
        var queue = self.queue(from: .latest)
        #expect(queue.put(.live(Live(id: 5, log: "x")), bytes: 1) == true)
        #expect(queue.put(self.event(6), bytes: 1) == true)
        queue.forget()
        #expect(queue.received == Cursor(position: .after(5), log: "x"))
        #expect(queue.handled.position == .latest)
    }

    @Test
    func `a log that was replaced has no name until live gives it`() {
        var cursor = Cursor(position: .after(100), log: "old")
        cursor.pass(self.gap(101, .evicted))
        #expect(cursor == Cursor(position: .after(101), log: "old"))
        cursor.pass(self.gap(50))
        #expect(cursor == Cursor(position: .after(50)))
        cursor.pass(.live(Live(id: 60, log: "new")))
        #expect(cursor == Cursor(position: .after(60), log: "new"))
    }

    @Test
    func `what the relay would refuse is no place to begin`() throws {
        for (id, log) in [(Int64(0), "x"), (Position.idLimit - 1, String(repeating: "x", count: 64))] {
            try Cursor(position: .after(id), log: log).check()
        }
        let bad = [
            Cursor(position: .after(-1)), Cursor(position: .after(Position.idLimit)),
            Cursor(position: .after(1), log: ""), Cursor(position: .latest, log: String(repeating: "x", count: 65)),
        ]
        for cursor in bad { #expect(throws: InvalidArgument.self) { try cursor.check() } }
    }

    @Test
    func `a position is text and comes back from it`() {
        for position in [Position.latest, .beginning, .after(9_007_199_254_740_991)] {
            #expect(Position("\(position)") == position)
        }
        for text in ["", "-1", "x", "9007199254740992", "LATEST", " 1"] { #expect(Position(text) == nil) }
    }
}
