import RelayClient
import Testing

struct ConnectionStateMachineTests {
    private func machine(
        _ position: Position = .after(0),
        messages: Int = 1024,
        bytes: Int = 1000
    ) throws -> ConnectionStateMachine {
        var limits = MessageQueue.Limits()
        (limits.messages, limits.bytes, limits.mostBytes, limits.bytesOfEntry) = (messages, bytes, 2 * bytes, 0)
        return ConnectionStateMachine(
            try ChannelRequests(["a"]),
            from: MessageQueue(from: Cursor(position: position), limits: limits),
            policy: .standard
        )
    }

    private func event(_ id: Int64) -> Message { .event(Event(id: id, channel: "a", time: "t", payload: "")) }

    private func events(_ ids: ClosedRange<Int64>, bytes: Int = 1) -> [SizedMessage] {
        ids.map { SizedMessage(.message(self.event($0)), bytes: bytes) }
    }

    private func live(_ id: Int64) -> SizedMessage { SizedMessage(.message(.live(Live(id: id, log: "x"))), bytes: 1) }

    private func request(_ number: Int, _ channel: String = "b") -> ChannelRequests.Request {
        ChannelRequests.Request(number: number, kind: .subscribe, channels: [channel])
    }

    private func answer(_ outcome: ChannelAnswer.Outcome, _ id: Int64) -> SizedMessage {
        SizedMessage(.answer(ChannelAnswer(outcome, id: id)), bytes: 1)
    }

    /// Asked for its first message, and open.
    private func opened(_ machine: inout ConnectionStateMachine) {
        #expect(machine.next() == (.later, [.drive]))
        #expect(machine.attemptBegins()?.number == 1)
        #expect(machine.opened(1) == [])
    }

    @Test
    func `it begins with the first question, and hands out what comes`() throws {
        var machine = try self.machine()
        #expect(machine.attemptBegins() == nil)
        self.opened(&machine)
        #expect(machine.received(self.events(1...3), 1) == [.handOut(self.event(1))])
        #expect(machine.next() == (.message(self.event(2)), []))
        #expect(machine.queue.handled.position == .after(1))
        #expect(machine.next() == (.message(self.event(3)), []))
        #expect(machine.next() == (.later, []))
    }

    @Test
    func `the next connection goes on after what was received, and the waits begin anew with live`() throws {
        var machine = try self.machine()
        self.opened(&machine)
        _ = machine.received(self.events(1...3), 1)
        #expect(machine.connectionLost(.silent, jitter: 0).wait == .seconds(0.25))
        let second = machine.attemptBegins()
        #expect(second == .init(number: 2, channels: ["a"], cursor: Cursor(position: .after(3))))
        #expect(machine.connectionLost(.silent, jitter: 0).wait == .seconds(0.5))
        _ = machine.attemptBegins()
        _ = machine.opened(3)
        _ = machine.received([self.live(4)], 3)
        #expect(machine.connectionLost(.silent, jitter: 0).wait == .seconds(0.25))
        #expect(machine.attemptBegins()?.cursor == Cursor(position: .after(4), log: "x"))
    }

    @Test
    func `what comes from an older connection is passed over, and it is ended`() throws {
        var machine = try self.machine()
        self.opened(&machine)
        _ = machine.connectionLost(.silent, jitter: 0)
        #expect(machine.received(self.events(1...3), 1) == [.tell(.end(.asked))])
        _ = machine.attemptBegins()
        #expect(!machine.isCurrent(1) && machine.isCurrent(2))
        #expect(machine.opened(1) == [.tell(.end(.asked))])
        #expect(machine.queue.count == 0)
        #expect(machine.opened(2) == [])
    }

    @Test
    func `a refusal ends it when what had come is taken`() throws {
        var machine = try self.machine()
        self.opened(&machine)
        _ = machine.received(self.events(1...2), 1)
        _ = machine.connectionLost(.silent, jitter: 0)
        _ = machine.attemptBegins()
        let refused = Refused(status: 403, detail: "no")
        let lost = machine.connectionLost(
            .refused(HandshakeRefusal(status: 403, isProblem: true, detail: "no")),
            jitter: 0
        )
        #expect(lost == (nil, []))
        #expect(machine.next() == (.message(self.event(2)), []))
        #expect(machine.next() == (.end(refused), []))
        #expect(machine.ask(self.request(1)) == [.settle(number: 1, .refused(refused))])
        #expect(machine.close() == [])
    }

    @Test
    func `a refusal is told to who waits`() throws {
        var machine = try self.machine()
        _ = machine.next()
        _ = machine.ask(self.request(7))
        _ = machine.attemptBegins()
        let refused = Refused(status: 401, detail: "")
        let lost = machine.connectionLost(
            .refused(HandshakeRefusal(status: 401, isProblem: true, detail: "")),
            jitter: 0
        )
        #expect(lost == (nil, [.settle(number: 7, .refused(refused)), .end(refused)]))
    }

    @Test
    func `closing drops what has come, and ends every wait`() throws {
        var machine = try self.machine()
        self.opened(&machine)
        _ = machine.received(self.events(1...3), 1)
        _ = machine.ask(self.request(7))
        #expect(machine.close() == [.disconnect, .wake, .stop, .settle(number: 7, .closed)])
        #expect(machine.next() == (.end(nil), []))
        #expect(machine.connectionLost(.asked, jitter: 0) == (nil, []))
        #expect(machine.attemptBegins() == nil)
        #expect(machine.queue.received.position == .after(1))
    }

    @Test
    func `a full queue stops the reading until half of it is taken`() throws {
        var machine = try self.machine(messages: 4)
        self.opened(&machine)
        #expect(machine.received(self.events(1...4), 1) == [.handOut(self.event(1))])
        #expect(machine.received(self.events(5...5), 1) == [.tell(.pause)])
        #expect(machine.next().1 == [])
        #expect(machine.next().1 == [.tell(.readOn)])
        #expect(machine.next().1 == [])
    }

    @Test
    func `a connection that finds a full queue is not read`() throws {
        var machine = try self.machine(messages: 2)
        self.opened(&machine)
        #expect(machine.received(self.events(1...3), 1) == [.handOut(self.event(1)), .tell(.pause)])
        _ = machine.connectionLost(.silent, jitter: 0)
        _ = machine.attemptBegins()
        #expect(machine.opened(2) == [.tell(.pause)])
        #expect(machine.next() == (.message(self.event(2)), [.tell(.readOn)]))
    }

    @Test
    func `while an answer is waited for, reading goes on`() throws {
        var machine = try self.machine(messages: 2)
        self.opened(&machine)
        #expect(machine.received(self.events(1...3), 1) == [.handOut(self.event(1)), .tell(.pause)])
        let request = self.request(7)
        #expect(machine.ask(request) == [.tell(.send(request)), .tell(.readOn)])
        #expect(machine.received(self.events(4...9), 1) == [])
        #expect(machine.received([self.answer(.subscribed, 9)], 1) == [.settle(number: 7, .taken), .tell(.pause)])
        #expect(machine.channels == ["a", "b"])
    }

    @Test
    func `more than may wait is given up, and comes again after what was handed out`() throws {
        var machine = try self.machine(messages: 2)
        self.opened(&machine)
        _ = machine.ask(self.request(7))
        let actions = machine.received(self.events(1...1) + self.events(2...5, bytes: 501), 1)
        #expect(actions == [.tell(.end(.overrun))])
        #expect(machine.queue.count == 0)
        _ = machine.connectionLost(.overrun, jitter: 0)
        #expect(machine.attemptBegins()?.cursor.position == .after(0))
        #expect(machine.opened(2) == [.tell(.send(self.request(7)))])
        #expect(machine.received(self.events(1...1), 2) == [.handOut(self.event(1))])
    }

    @Test
    func `an answer behind as much as may wait is taken, and its caller told`() throws {
        var machine = try self.machine()
        self.opened(&machine)
        _ = machine.received(self.events(1...1), 1)
        _ = machine.ask(self.request(7))
        #expect(machine.received(self.events(2...3, bytes: 1000), 1) == [])
        #expect(machine.received([self.answer(.subscribed, 4)], 1) == [.settle(number: 7, .taken), .tell(.pause)])
        #expect(machine.queue.received.position == .after(4))
        #expect(machine.next().0 == .message(self.event(2)))
    }

    @Test
    func `where no answer is waited for, what has come stays, and the next connection goes on after it, unread`() throws
    {
        var machine = try self.machine(.latest)
        self.opened(&machine)
        #expect(machine.received([self.live(1)], 1) == [.handOut(.live(Live(id: 1, log: "x")))])
        #expect(machine.received(self.events(2...6, bytes: 500), 1) == [.tell(.end(.overrun)), .tell(.pause)])
        _ = machine.connectionLost(.overrun, jitter: 0)
        #expect(machine.attemptBegins()?.cursor == Cursor(position: .after(5), log: "x"))
        #expect(machine.opened(2) == [.tell(.pause)])
        for id in 2...4 { #expect(machine.next().0 == .message(self.event(Int64(id)))) }
        #expect(machine.received(self.events(6...6), 2) == [])
        for id in 5...6 { #expect(machine.next().0 == .message(self.event(Int64(id)))) }
    }

    @Test
    func `more than may wait since latest comes again from there, not from a later latest`() throws {
        var machine = try self.machine(.latest)
        // The request opens it, and nobody has taken anything.
        #expect(machine.ask(self.request(7)) == [.drive])
        _ = machine.attemptBegins()
        _ = machine.opened(1)
        #expect(machine.received([self.live(1)] + self.events(2...6, bytes: 500), 1) == [.tell(.end(.overrun))])
        _ = machine.connectionLost(.overrun, jitter: 0)
        #expect(machine.attemptBegins()?.cursor == Cursor(position: .after(1), log: "x"))
    }

    @Test
    func `requests wait for a connection, are sent one by one, and again after a loss`() throws {
        var machine = try self.machine()
        let (first, second) = (self.request(7), self.request(8, "c"))
        #expect(machine.ask(first) == [.drive])
        #expect(machine.ask(second) == [])
        _ = machine.attemptBegins()
        #expect(machine.opened(1) == [.tell(.send(first))])
        _ = machine.connectionLost(.silent, jitter: 0)
        #expect(machine.attemptBegins()?.channels == ["a"])
        #expect(machine.opened(2) == [.tell(.send(first))])
        let refused = Refused(status: 403, detail: "")
        #expect(
            machine.received([self.answer(.refused(refused), 5)], 2)
                == [.settle(number: 7, .refused(refused)), .tell(.send(second))]
        )
        #expect(machine.received([self.answer(.subscribed, 6)], 2) == [.settle(number: 8, .taken)])
        #expect(machine.channels == ["a", "c"])
        // Answers are places as well.
        #expect(machine.queue.received.position == .after(6))
    }

    @Test
    func `an answer to nothing ends the connection, not the rest`() throws {
        var machine = try self.machine()
        self.opened(&machine)
        let actions = machine.received(self.events(1...1) + [self.answer(.subscribed, 2)] + self.events(3...3), 1)
        #expect(actions == [.tell(.end(.unintelligible("an answer to nothing"))), .handOut(self.event(1))])
        #expect(machine.queue.received.position == .after(1))
    }

    @Test
    func `who wants another connection gets one at once`() throws {
        var machine = try self.machine()
        #expect(machine.reconnect() == [])
        self.opened(&machine)
        #expect(machine.reconnect() == [.disconnect])
        #expect(machine.connectionLost(.closed(code: nil, reason: ""), jitter: 0).wait == .zero)
        _ = machine.attemptBegins()
        #expect(machine.connectionLost(.silent, jitter: 0).wait == .seconds(0.5))
        #expect(machine.isWaiting)
        #expect(machine.reconnect() == [.wake])
        #expect(!machine.isWaiting)
        #expect(machine.attemptBegins() != nil)
    }

    @Test
    func `its states are told`() throws {
        var machine = try self.machine()
        var states = ["\(machine.state)"]
        func look() { states.append("\(machine.state)") }
        _ = machine.next()
        _ = machine.attemptBegins()
        look()
        _ = machine.opened(1)
        look()
        _ = machine.received([self.live(1)], 1)
        look()
        _ = machine.close()
        look()
        #expect(states == ["idle", "connecting", "replaying", "live", "closed"])
        #expect(machine.changes == 4)
    }
}
