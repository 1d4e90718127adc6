import RelayCore
import RelayPostgres
import RelayTestSupport
import Testing

struct ListenerStateMachineTests {
    private let server = "PostgreSQL"

    /// Connected, and listening to what is wanted.
    private func listening(to channels: Set<ChannelName>) -> ListenerStateMachine {
        var machine = ListenerStateMachine()
        _ = machine.wants(channels, asked: channels)
        _ = machine.retryDue()
        _ = machine.connectionMade()
        _ = machine.commandDone(server: self.server)
        return machine
    }

    @Test
    func `it connects, listens to all that is wanted at once, and then reports`() {
        var machine = ListenerStateMachine()
        #expect(machine.wants(["b", "a"], asked: ["b", "a"]) == ([], .none))
        #expect(machine.retryDue() == .connect)
        #expect(machine.retryDue() == .none)
        #expect(machine.connectionMade() == .send(.listen(["a", "b"])))
        #expect(machine.hasCommand)
        #expect(
            machine.commandDone(server: self.server) == (
                [.connected(channels: ["a", "b"], server: self.server)], .none
            )
        )
        #expect(machine.isConnected && !machine.hasCommand)
    }

    @Test
    func `what is asked for while a command is under way comes after it`() {
        var machine = ListenerStateMachine()
        _ = machine.wants(["a"], asked: ["a"])
        _ = machine.retryDue()
        _ = machine.connectionMade()
        #expect(machine.wants(["a", "b"], asked: ["b"]) == ([], .none))
        #expect(
            machine.commandDone(server: self.server)
                == ([.connected(channels: ["a"], server: self.server)], .send(.listen(["b"])))
        )
        #expect(machine.wants(["a", "b", "c", "d"], asked: ["c", "d"]) == ([], .none))
        #expect(machine.commandDone(server: self.server) == ([.listening("b")], .send(.listen(["c", "d"]))))
        #expect(machine.commandDone(server: self.server) == ([.listening("c"), .listening("d")], .none))
    }

    @Test
    func `a channel that is not wanted any more is given up and reported`() {
        var machine = self.listening(to: ["a", "b"])
        #expect(machine.wants(["a"], asked: []) == ([], .send(.unlisten(["b"]))))
        #expect(machine.commandDone(server: self.server) == ([.stoppedListening("b")], .none))
        // Wanted again, it begins anew.
        #expect(machine.wants(["a", "b"], asked: ["b"]) == ([], .send(.listen(["b"]))))
    }

    @Test
    func `asking for a channel that is listened to is answered at once`() {
        var machine = self.listening(to: ["a"])
        #expect(machine.wants(["a"], asked: ["a"]) == ([.listening("a")], .none))
    }

    @Test
    func `a channel that is asked for while it is given up is listened to anew`() {
        var machine = self.listening(to: ["a"])
        #expect(machine.wants([], asked: []) == ([], .send(.unlisten(["a"]))))
        #expect(machine.wants(["a"], asked: ["a"]) == ([], .none))
        #expect(machine.commandDone(server: self.server) == ([.stoppedListening("a")], .send(.listen(["a"]))))
        #expect(machine.commandDone(server: self.server) == ([.listening("a")], .none))
    }

    @Test
    func `failures in a row are counted, and forgotten once it listens`() {
        var machine = ListenerStateMachine()
        _ = machine.wants(["a"], asked: [])
        for failures in 1...3 {
            #expect(machine.retryDue() == .connect)
            #expect(
                machine.connectionLost("no") == (.disconnected(reason: "no"), .retry(afterFailures: failures))
            )
        }
        #expect(machine.retryDue() == .connect)
        _ = machine.connectionMade()
        // A connection alone is no success: a standby takes connections and can't listen.
        #expect(machine.connectionLost("standby") == (.disconnected(reason: "standby"), .retry(afterFailures: 4)))
        _ = machine.retryDue()
        _ = machine.connectionMade()
        _ = machine.commandDone(server: self.server)
        #expect(machine.connectionLost("gone") == (.disconnected(reason: "gone"), .retry(afterFailures: 1)))
    }

    @Test
    func `after a break it listens again to all that is wanted by then`() {
        var machine = self.listening(to: ["a", "b"])
        _ = machine.connectionLost("gone")
        #expect(machine.wants(["b", "c"], asked: ["c"]) == ([], .none))
        #expect(machine.retryDue() == .connect)
        #expect(machine.connectionMade() == .send(.listen(["b", "c"])))
    }

    @Test
    func `a refused name is found by trying each alone, and the others are listened to`() {
        var machine = ListenerStateMachine()
        _ = machine.wants(["a", "bad", "c"], asked: [])
        _ = machine.retryDue()
        _ = machine.connectionMade()
        #expect(machine.commandRefused("no", server: self.server) == ([], .send(.listen(["a"]))))
        // What arrives from here on must wait: nothing was reported yet.
        #expect(machine.isStarting)
        #expect(machine.commandDone(server: self.server) == ([], .send(.listen(["bad"]))))
        #expect(
            machine.commandRefused("no", server: self.server)
                == ([.refused("bad", reason: "no")], .send(.listen(["c"])))
        )
        #expect(
            machine.commandDone(server: self.server) == (
                [.connected(channels: ["a", "c"], server: self.server)], .none
            )
        )
        #expect(!machine.isStarting)
        // It is left out until somebody asks again.
        #expect(machine.wants(["a", "bad", "c", "d"], asked: ["d"]) == ([], .send(.listen(["d"]))))
        _ = machine.commandDone(server: self.server)
        #expect(machine.wants(["a", "bad", "c", "d"], asked: ["bad"]) == ([], .send(.listen(["bad"]))))
        #expect(
            machine.commandRefused("no", server: self.server) == ([.refused("bad", reason: "no")], .none)
        )
    }

    @Test
    func `a name that is refused alone at the start leaves a connection without it`() {
        var machine = ListenerStateMachine()
        _ = machine.wants(["bad"], asked: [])
        _ = machine.retryDue()
        _ = machine.connectionMade()
        #expect(
            machine.commandRefused("no", server: self.server)
                == ([.refused("bad", reason: "no"), .connected(channels: [], server: self.server)], .none)
        )
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
