import RelayCore
import RelayPostgres
import RelayTestSupport
import Testing

/// What the listener makes of heartbeats that come back, or don't.
struct HeartbeatTests {
    private let timing = HeartbeatTiming.standard

    private func lost(_ step: MachineUnderTest.Step) -> OutageCause? {
        guard case .disconnected(let cause, _)? = step.0.first, case .retry = step.1 else { return nil }
        return cause
    }

    // MARK: - How full the notification queue is

    /// After so many heartbeats the question is due.
    private func askedAfterHeartbeat(_ test: inout MachineUnderTest) -> MachineUnderTest.Step {
        for number in 2...5 {
            _ = test.pass(self.timing.interval)
            _ = test.commandDone()
            #expect(test.heard(number) == ([.heartbeat(roundTrip: .zero)], .none))
        }
        _ = test.pass(self.timing.interval)
        _ = test.commandDone()
        return test.heard(6)
    }

    @Test
    func `PostgreSQL is asked how full its queue is right after a heartbeat, when it is due`() {
        var test = MachineUnderTest(listeningTo: ["a"])
        let step = self.askedAfterHeartbeat(&test)
        #expect(step == ([.heartbeat(roundTrip: .zero)], .send(.queueUsage)))
        let done = test.machine.commandDone(server: MachineUnderTest.server, value: "0.125", at: test.now)
        #expect(done == ([.queueUsage(0.125)], .none))
        // Heartbeats go on as before.
        #expect(test.pass(self.timing.interval) == ([], .send(.heartbeat(7))))
    }

    @Test(arguments: ["", "many", "-1", "nan", "2", nil])
    func `an answer that is no share says nothing`(value: String?) {
        var test = MachineUnderTest(listeningTo: ["a"])
        _ = self.askedAfterHeartbeat(&test)
        let done = test.machine.commandDone(server: MachineUnderTest.server, value: value, at: test.now)
        #expect(done == ([.queueUsage(nil)], .none))
    }

    @Test
    func `where it refuses to say it is not asked again, and nothing else changes`() {
        var test = MachineUnderTest(listeningTo: ["a"])
        _ = self.askedAfterHeartbeat(&test)
        #expect(test.commandRefused("permission denied") == ([.queueUsage(nil)], .none))
        for number in 7...20 {
            #expect(test.pass(self.timing.interval) == ([], .send(.heartbeat(number))))
            _ = test.commandDone()
            #expect(test.heard(number) == ([.heartbeat(roundTrip: .zero)], .none))
        }
    }

    @Test
    func `a question that stays unanswered is a silence like any other`() {
        var test = MachineUnderTest(listeningTo: ["a"])
        _ = self.askedAfterHeartbeat(&test)
        #expect(test.machine.nextDue == test.now + self.timing.silence)
        #expect(self.lost(test.pass(self.timing.silence)) == .silent)
    }

    // MARK: - Silence

    @Test
    func `a connection that falls silent is noticed within 15 seconds`() {
        #expect(self.timing.interval + self.timing.silence < .seconds(15))
    }

    @Test
    func `a heartbeat is sent after each interval, and its round trip is reported`() {
        var test = MachineUnderTest(listeningTo: ["a"])
        #expect(test.machine.nextDue == test.now + self.timing.interval)
        #expect(test.pass(self.timing.interval - .milliseconds(1)) == ([], .none))
        #expect(test.pass(.milliseconds(1)) == ([], .send(.heartbeat(2))))
        test.now += .milliseconds(3)
        #expect(test.heard(2) == ([.heartbeat(roundTrip: .milliseconds(3))], .none))
        #expect(test.commandDone() == ([], .none))
        #expect(test.pass(self.timing.interval) == ([], .send(.heartbeat(3))))
        // The answer may also come first.
        #expect(test.commandDone() == ([], .none))
        #expect(test.heard(3) == ([.heartbeat(roundTrip: .zero)], .none))
    }

    @Test
    func `channels go before a heartbeat, and one waits for the other`() {
        var test = MachineUnderTest(listeningTo: ["a"])
        #expect(test.wants(["a", "b"]).1 == .send(.listen(["b"])))
        #expect(test.pass(self.timing.interval) == ([], .none))
        #expect(test.commandDone() == ([.listening("b")], .send(.heartbeat(2))))
        #expect(test.wants(["a", "b", "c"], asked: ["c"]) == ([], .none))
        #expect(test.commandDone() == ([], .send(.listen(["c"]))))
    }

    @Test
    func `the connection is silent when neither answer nor notification comes`() {
        var test = MachineUnderTest(listeningTo: ["a"])
        _ = test.pass(self.timing.interval)
        #expect(test.machine.nextDue == test.now + self.timing.silence)
        #expect(test.pass(self.timing.silence - .milliseconds(1)) == ([], .none))
        #expect(self.lost(test.pass(.milliseconds(1))) == .silent)
        #expect(!test.machine.isConnected && test.machine.nextDue == nil)
    }

    @Test
    func `it is silent too when a LISTEN stays unanswered`() {
        var test = MachineUnderTest(listeningTo: ["a"])
        _ = test.wants(["a", "b"])
        #expect(self.lost(test.pass(self.timing.silence)) == .silent)
    }

    @Test
    func `the first LISTEN may take longer`() {
        var test = MachineUnderTest(wanting: ["a"])
        _ = test.connect()
        #expect(test.pass(self.timing.firstListen - .milliseconds(1)) == ([], .none))
        #expect(self.lost(test.pass(.milliseconds(1))) == .silent)
    }

    @Test
    func `whatever comes shows that the connection lives`() {
        var test = MachineUnderTest(listeningTo: ["a"])
        _ = test.pass(self.timing.interval)
        test.now += self.timing.silence - .milliseconds(1)
        // A backlog of notifications is read; or the relay's queue was full, and the socket left alone.
        test.machine.inputArrived(at: test.now)
        #expect(test.pass(self.timing.silence - .milliseconds(1)) == ([], .none))
        #expect(self.lost(test.pass(.milliseconds(1))) == .silent)
    }

    @Test
    func `without a heartbeat under way nothing is due, however quiet it is`() {
        var test = MachineUnderTest(listeningTo: ["a"])
        // The process was suspended for an hour: it asks first.
        #expect(test.pass(.seconds(3600)) == ([], .send(.heartbeat(2))))
    }

    @Test
    func `an answer without the notification means that a pooler stands in between`() {
        var test = MachineUnderTest(listeningTo: ["a"])
        _ = test.pass(self.timing.interval)
        _ = test.commandDone()
        let step = test.pass(self.timing.silence)
        #expect(self.lost(step) == .pooler)
        guard case .disconnected(_, let reason)? = step.0.first else { return }
        #expect(reason.contains("connection pooler in transaction mode") && reason.contains("session mode"))
    }

    @Test
    func `a heartbeat that PostgreSQL refuses is told and tried again, and the connection stays`() {
        var test = MachineUnderTest(listeningTo: ["a"])
        _ = test.pass(self.timing.interval)
        #expect(test.commandRefused("lock timeout") == ([.heartbeatFailed(reason: "lock timeout")], .none))
        #expect(test.pass(self.timing.interval) == ([], .send(.heartbeat(3))))
        let again = test.machine.commandFailed(.refused, "queue full", server: MachineUnderTest.server, at: test.now)
        #expect(again == ([.heartbeatFailed(reason: "queue full")], .none))
        #expect(test.pass(self.timing.interval) == ([], .send(.heartbeat(4))))
        #expect(test.heard(4) == ([.heartbeat(roundTrip: .zero)], .none))
    }

    @Test
    func `no connection is reported while its first heartbeat is refused, and it is not given up`() {
        var test = MachineUnderTest(wanting: ["a"])
        _ = test.connect()
        _ = test.commandDone()
        let step = test.commandRefused("lock timeout")
        #expect(step == ([.disconnected(cause: .refused, reason: "lock timeout")], .none))
        #expect(test.machine.isConnected && test.machine.isStarting)
        #expect(test.pass(self.timing.interval) == ([], .send(.heartbeat(2))))
        _ = test.heard(2)
        #expect(test.commandDone() == (MachineUnderTest.connected("a"), .none))
    }

    @Test
    func `a heartbeat of an earlier connection is not taken for one of this`() {
        var test = MachineUnderTest(listeningTo: ["a"])
        _ = test.pass(self.timing.interval)
        _ = test.machine.connectionLost(.closed, "gone")
        _ = test.connect()
        #expect(test.commandDone() == ([], .send(.heartbeat(3))))
        #expect(test.heard(2, from: 99) == ([], .none))
        _ = test.commandDone()
        #expect(test.heard(3) == (MachineUnderTest.connected("a"), .none))
    }

    // MARK: - Something in between

    /// The first heartbeat came back from a process that is not the one that the connection was told of.
    private func suspicious(answerFirst: Bool) -> (MachineUnderTest, MachineUnderTest.Step) {
        var test = MachineUnderTest(wanting: ["a"])
        _ = test.connect()
        _ = test.commandDone()
        if answerFirst {
            #expect(test.commandDone() == ([], .none))
            let step = test.heard(1, from: 99)
            return (test, step)
        }
        #expect(test.heard(1, from: 99) == ([], .none), "the connection is not idle yet")
        let step = test.commandDone()
        return (test, step)
    }

    @Test(arguments: [true, false])
    func `a notification from a strange process is checked by one from another connection`(answerFirst: Bool) {
        var (test, step) = self.suspicious(answerFirst: answerFirst)
        #expect(step == ([], .verify(2)))
        #expect(test.machine.isStarting && !test.machine.hasCommand)
        test.machine.verificationSent(at: test.now)
        #expect(test.wants(["a", "b"], asked: ["b"]) == ([], .none))
        #expect(test.heard(2, from: 100) == (MachineUnderTest.connected("a"), .send(.listen(["b"]))))
        #expect(test.commandDone() == ([.listening("b")], .none))
        // From then on its process is known.
        #expect(test.pass(self.timing.interval) == ([], .send(.heartbeat(3))))
        #expect(test.heard(3, from: 99) == ([.heartbeat(roundTrip: .zero)], .none))
    }

    @Test
    func `a check that is not heard means a pooler in transaction mode, and nothing was reported`() {
        var (test, _) = self.suspicious(answerFirst: true)
        test.now += .seconds(9)
        test.machine.verificationSent(at: test.now)
        #expect(test.machine.nextDue == test.now + self.timing.verification)
        let step = test.pass(self.timing.verification)
        #expect(self.lost(step) == .pooler && step.0.count == 1)
    }

    @Test
    func `a heartbeat that comes from another process than before means that the backend was exchanged`() {
        var test = MachineUnderTest(listeningTo: ["a"])
        _ = test.pass(self.timing.interval)
        #expect(self.lost(test.heard(2, from: 99)) == .pooler)
    }
}
