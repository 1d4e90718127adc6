import RelayCore
import RelayPostgres
import RelayTestSupport
import Testing

/// A machine as the listener's thread drives it, at a time that only the test moves.
struct MachineUnderTest {
    static let server = "PostgreSQL"
    static let heartbeatChannel: ChannelName = "heartbeats"
    /// The process that connections are told to be talking to.
    static let backend: Int32 = 7

    var machine = ListenerStateMachine(heartbeatChannel: Self.heartbeatChannel)
    var now = ContinuousClock.now

    /// Waits for its turn to connect.
    init(wanting channels: Set<ChannelName>) {
        _ = self.wants(channels)
    }

    /// Connected, listening and reported.
    init(listeningTo channels: Set<ChannelName>) {
        self.init(wanting: channels)
        _ = self.connect()
        _ = self.commandDone()
        _ = self.heard(1)
        _ = self.commandDone()
    }

    typealias Step = ([SourceReport], ListenerStateMachine.Action)

    mutating func wants(_ channels: Set<ChannelName>, asked: Set<ChannelName>? = nil) -> Step {
        self.machine.wants(channels, asked: asked ?? channels, at: self.now)
    }

    /// What is sent first.
    mutating func connect() -> ListenerStateMachine.Action {
        guard self.machine.retryDue() == .connect else { return .none }
        return self.machine.connectionMade(backend: Self.backend, at: self.now)
    }

    mutating func commandDone() -> Step {
        self.machine.inputArrived(at: self.now)
        return self.machine.commandDone(server: Self.server, at: self.now)
    }

    mutating func commandRefused(_ reason: String) -> Step {
        self.machine.inputArrived(at: self.now)
        return self.machine.commandRefused(reason, server: Self.server, at: self.now)
    }

    mutating func heard(_ number: Int, from sender: Int32 = Self.backend) -> Step {
        self.machine.inputArrived(at: self.now)
        return self.machine.heartbeatHeard(number, from: sender, server: Self.server, at: self.now)
    }

    /// Lets time pass; what the machine does at the end of it.
    mutating func pass(_ time: Duration) -> Step {
        self.now += time
        return self.machine.timeDue(at: self.now)
    }

    static func connected(_ channels: ChannelName..., roundTrip: Duration = .zero) -> [SourceReport] {
        [.connected(channels: channels, server: self.server), .heartbeat(roundTrip: roundTrip)]
    }
}

struct ListenerStateMachineTests {
    private let heartbeats = MachineUnderTest.heartbeatChannel

    @Test
    func `it connects, listens to all that is wanted at once, hears a heartbeat, and then reports`() {
        var test = MachineUnderTest(wanting: ["b", "a"])
        #expect(test.machine.retryDue() == .connect)
        #expect(test.machine.retryDue() == .none)
        let first = test.machine.connectionMade(backend: MachineUnderTest.backend, at: test.now)
        #expect(first == .send(.listen([self.heartbeats, "a", "b"])))
        #expect(test.machine.hasCommand && test.machine.isStarting)
        #expect(test.commandDone() == ([], .send(.heartbeat(1))))
        #expect(test.heard(1) == ([], .none))
        #expect(test.commandDone() == (MachineUnderTest.connected("a", "b"), .none))
        #expect(test.machine.isConnected && !test.machine.hasCommand && !test.machine.isStarting)
    }

    @Test
    func `what is asked for before the connection is reported comes after it`() {
        var test = MachineUnderTest(wanting: ["a"])
        _ = test.connect()
        #expect(test.wants(["a", "b"], asked: ["b"]) == ([], .none))
        #expect(test.commandDone() == ([], .send(.heartbeat(1))))
        _ = test.commandDone()
        #expect(test.heard(1) == (MachineUnderTest.connected("a"), .send(.listen(["b"]))))
        #expect(test.wants(["a", "b", "c", "d"], asked: ["c", "d"]) == ([], .none))
        #expect(test.commandDone() == ([.listening("b")], .send(.listen(["c", "d"]))))
        #expect(test.commandDone() == ([.listening("c"), .listening("d")], .none))
    }

    @Test
    func `a channel that is not wanted any more is given up and reported`() {
        var test = MachineUnderTest(listeningTo: ["a", "b"])
        #expect(test.wants(["a"], asked: []) == ([], .send(.unlisten(["b"]))))
        #expect(test.commandDone() == ([.stoppedListening("b")], .none))
        // Wanted again, it begins anew.
        #expect(test.wants(["a", "b"], asked: ["b"]) == ([], .send(.listen(["b"]))))
    }

    @Test
    func `a connection that refuses to give a channel up is given up itself`() {
        var test = MachineUnderTest(listeningTo: ["a", "b"])
        _ = test.wants(["a"], asked: [])
        let step = test.commandRefused("no")
        #expect(step == ([.disconnected(cause: .refused, reason: "no")], .retry(afterFailures: 1)))
        #expect(test.connect() == .send(.listen([self.heartbeats, "a"])))
    }

    @Test
    func `asking for a channel that is listened to is answered at once`() {
        var test = MachineUnderTest(listeningTo: ["a"])
        #expect(test.wants(["a"], asked: ["a"]) == ([.listening("a")], .none))
    }

    @Test
    func `a channel that is asked for while it is given up is listened to anew`() {
        var test = MachineUnderTest(listeningTo: ["a"])
        #expect(test.wants([], asked: []) == ([], .send(.unlisten(["a"]))))
        #expect(test.wants(["a"], asked: ["a"]) == ([], .none))
        #expect(test.commandDone() == ([.stoppedListening("a")], .send(.listen(["a"]))))
        #expect(test.commandDone() == ([.listening("a")], .none))
    }

    @Test
    func `the channel of the heartbeats is nobody else's`() {
        var test = MachineUnderTest(listeningTo: ["a"])
        let step = test.wants(["a", self.heartbeats], asked: [self.heartbeats])
        #expect(step == ([.refused(self.heartbeats, reason: "it is reserved for the relay's heartbeats")], .none))
        // It is not given up either when it is asked for no more.
        #expect(test.wants(["a"], asked: []) == ([], .none))
    }

    @Test
    func `failures in a row are counted, and forgotten once it listens`() {
        var test = MachineUnderTest(wanting: ["a"])
        for failures in 1...3 {
            #expect(test.machine.retryDue() == .connect)
            let step = test.machine.connectionLost(.unreachable, "no")
            #expect(step == ([.disconnected(cause: .unreachable, reason: "no")], .retry(afterFailures: failures)))
        }
        _ = test.connect()
        // A connection alone is no success: a standby takes connections and can't listen.
        let standby = test.machine.commandFailed(.standby, "no", server: MachineUnderTest.server, at: test.now)
        #expect(standby == ([.disconnected(cause: .standby, reason: "no")], .retry(afterFailures: 4)))
        #expect(!test.machine.isConnected)
        _ = test.connect()
        _ = test.commandDone()
        _ = test.heard(1)
        _ = test.commandDone()
        let gone = test.machine.connectionLost(.closed, "gone")
        #expect(gone == ([.disconnected(cause: .closed, reason: "gone")], .retry(afterFailures: 1)))
    }

    @Test
    func `after a break it listens again to all that is wanted by then`() {
        var test = MachineUnderTest(listeningTo: ["a", "b"])
        _ = test.machine.connectionLost(.closed, "gone")
        #expect(test.wants(["b", "c"], asked: ["c"]) == ([], .none))
        #expect(test.connect() == .send(.listen([self.heartbeats, "b", "c"])))
    }

    @Test
    func `a refused name is found by trying each alone, and the others are listened to`() {
        var test = MachineUnderTest(wanting: ["a", "bad", "c"])
        _ = test.connect()
        #expect(test.commandRefused("no") == ([], .send(.listen([self.heartbeats]))))
        // What arrives from here on must wait: nothing was reported yet.
        #expect(test.machine.isStarting)
        #expect(test.commandDone() == ([], .send(.listen(["a"]))))
        #expect(test.commandDone() == ([], .send(.listen(["bad"]))))
        #expect(test.commandRefused("no") == ([.refused("bad", reason: "no")], .send(.listen(["c"]))))
        #expect(test.commandDone() == ([], .send(.heartbeat(1))))
        _ = test.heard(1)
        #expect(test.commandDone() == (MachineUnderTest.connected("a", "c"), .none))
        #expect(!test.machine.isStarting)
        // It is left out until somebody asks again.
        #expect(test.wants(["a", "bad", "c", "d"], asked: ["d"]) == ([], .send(.listen(["d"]))))
        _ = test.commandDone()
        #expect(test.wants(["a", "bad", "c", "d"], asked: ["bad"]) == ([], .send(.listen(["bad"]))))
        #expect(test.commandRefused("no") == ([.refused("bad", reason: "no")], .none))
    }

    @Test
    func `a name that is refused at the start leaves a connection without it`() {
        var test = MachineUnderTest(wanting: ["bad"])
        _ = test.connect()
        _ = test.commandRefused("no")
        _ = test.commandDone()
        #expect(test.commandRefused("no") == ([.refused("bad", reason: "no")], .send(.heartbeat(1))))
        _ = test.heard(1)
        #expect(test.commandDone() == (MachineUnderTest.connected(), .none))
    }
}

struct BackoffTests {
    @Test(arguments: [(1, 100), (2, 200), (3, 400), (7, 6400), (8, 10_000), (60, 10_000), (1_000_000, 10_000)])
    func `delays double up to the cap, and lie between a half and the whole of the step`(
        failures: Int,
        milliseconds: Int
    ) {
        let step = Duration.milliseconds(milliseconds)
        #expect(Backoff.standard.delay(after: failures, jitter: 0) == step / 2)
        #expect(Backoff.standard.delay(after: failures, jitter: 0.5) == step * 3 / 4)
        #expect(Backoff.standard.delay(after: failures, jitter: 0.999) < step)
    }
}

struct ConnectionStringTests {
    @Test(arguments: [
        ("postgresql://paul:hunter2@db.example:5433/shop", "user=paul dbname=shop host=db.example port=5433"),
        ("host=a,b port=1,2 user=x password=hunter2 dbname=y", "user=x dbname=y host=a,b port=1,2"),
        ("sslmode=prefer", ""), ("", ""),
    ])
    func `a summary says where to and as whom, and nothing secret`(connectionString: String, summary: String) {
        #expect(PostgresListener.understands(connectionString))
        #expect(PostgresListener.summary(of: connectionString) == summary)
    }

    @Test(arguments: ["nonsense", "postgresql://[::1", "host=", "colour=blue", "host='a"])
    func `what libpq doesn't understand is told apart`(connectionString: String) {
        #expect(PostgresListener.understands(connectionString) == (connectionString == "host="))
        #expect(!PostgresListener.summary(of: connectionString).contains("blue"))
    }
}
