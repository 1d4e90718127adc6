import Glibc
import RelayCore

/// The loop of the listener's thread: waits for the socket or a wake-up, asks the state machine, acts.
struct ListenerThread: ~Copyable {
    private let connectionString: String
    private let backoff: Backoff
    private let reports: ReportQueue
    private let wakeUp: WakeUp

    private var machine = ListenerStateMachine()
    private var connection: PostgresConnection?
    private var nextAttempt = ContinuousClock.now
    /// The relay's queue is full: the socket is left alone, so that PostgreSQL keeps what follows.
    private var isPaused = false

    init(connectionString: String, backoff: Backoff, reports: ReportQueue, wakeUp: WakeUp) {
        self.connectionString = connectionString
        self.backoff = backoff
        self.reports = reports
        self.wakeUp = wakeUp
    }

    /// Works until `requests` says to stop.
    /// - Parameter connecting: told before and after the call that can't be interrupted; answers whether to go on.
    mutating func run(
        requests: () -> ListenerRequests.Seen,
        connecting: (Bool) -> Bool
    ) {
        while true {
            let seen = requests()
            if seen.isStopping { return self.readLast() }
            if let wanted = seen.wanted { self.perform(self.machine.wants(wanted, asked: seen.asked)) }
            if self.machine.isConnected {
                self.waitConnected()
            } else if ContinuousClock.now < self.nextAttempt {
                _ = self.wait(forSocket: -1, events: 0, until: self.nextAttempt)
            } else if self.machine.retryDue() == .connect {
                guard connecting(true) else { continue }
                let failure = self.connect()
                guard connecting(false) else { return }
                if let failure { self.lose(failure) } else { self.perform(self.machine.connectionMade()) }
            }
        }
    }

    private mutating func connect() -> PostgresError? {
        do {
            self.connection = try PostgresConnection.connect(self.connectionString)
            return nil
        } catch {
            return error
        }
    }

    private mutating func perform(_ step: ([SourceReport], ListenerStateMachine.Action)) {
        for report in step.0 { self.offer(report) }
        self.perform(step.1)
    }

    private mutating func perform(_ action: ListenerStateMachine.Action) {
        switch action {
        case .none, .connect:
            break
        case .send(let command):
            do {
                let sql = try self.sql(command)
                try self.connection?.send(sql)
            } catch {
                self.lose(error)
            }
        case .retry(let failures):
            self.connection = nil
            self.isPaused = false
            self.nextAttempt = .now + self.backoff.delay(after: failures, jitter: Double.random(in: 0..<1))
        }
    }

    private mutating func lose(_ error: PostgresError) {
        let (report, action) = self.machine.connectionLost("\(error)")
        self.perform(([report], action))
    }

    private func sql(_ command: ListenerStateMachine.Command) throws(PostgresError) -> String {
        let (verb, channels) =
            switch command {
            case .listen(let channels): ("LISTEN", channels)
            case .unlisten(let channels): ("UNLISTEN", channels)
            }
        var sql = ""
        for channel in channels {
            sql += "\(verb) \(try self.connection?.quoted(channel) ?? "");"
        }
        return sql
    }

    // MARK: - Connected

    private mutating func waitConnected() {
        do {
            var events = self.isPaused ? 0 : POLLIN
            if try self.connection?.flush() == true { events |= POLLOUT }
            // Left out while nothing is expected: a peer that hangs up would wake the loop again and again.
            let descriptor = events == 0 ? -1 : self.connection?.descriptor ?? -1
            let ready = self.wait(forSocket: descriptor, events: events, until: nil)
            // If there is no room yet, what is read next pauses again.
            if ready.wokenUp { self.isPaused = false }
            if ready.socket { try self.read() }
        } catch {
            self.lose(error)
        }
    }

    private mutating func read() throws(PostgresError) {
        let input = Result { () throws(PostgresError) in try self.connection?.consumeInput() }
        // A command's result comes before the notifications: what arrives on a channel is reported after the channel.
        let command = Result { () throws(PostgresError) in try self.finishCommand() }
        // What had arrived before the connection broke is reported before the break. What arrives before the connection
        // is reported stays with libpq until then: its events come after the outage's gap.
        if !self.machine.isStarting { self.reportNotifications() }
        try command.get()
        try input.get()
    }

    private mutating func finishCommand() throws(PostgresError) {
        guard self.machine.hasCommand, let state = try self.connection?.commandState() else { return }
        let server = self.connection?.server ?? ""
        switch state {
        case .running: break
        case .done: self.perform(self.machine.commandDone(server: server))
        case .refused(let error): self.perform(self.machine.commandRefused("\(error)", server: server))
        }
    }

    private mutating func reportNotifications() {
        while true {
            let notifications = self.connection?.notifications(upTo: .standard) ?? []
            if notifications.isEmpty { return }
            self.offer(.notifications(notifications))
        }
    }

    private mutating func offer(_ report: SourceReport) {
        self.isPaused = !self.reports.offer(report)
    }

    /// Before the end: what has arrived is not left behind.
    private mutating func readLast() {
        guard self.machine.isConnected else { return }
        do { try self.read() } catch { self.lose(error) }
    }

    // MARK: - Waiting

    /// Waits until the socket is ready, somebody calls `wakeUp.wake()`, or the time has come.
    private func wait(
        forSocket descriptor: Int32,
        events: Int32,
        until: ContinuousClock.Instant?
    ) -> (socket: Bool, wokenUp: Bool) {
        var descriptors = [
            pollfd(fd: self.wakeUp.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: descriptor, events: Int16(events), revents: 0),
        ]
        // Rounded up, so that the loop doesn't spin through the last millisecond.
        let timeout = until.map { Int32(max(0, ($0 - .now) / .milliseconds(1)) + 1) } ?? -1
        poll(&descriptors, 2, timeout)
        let wokenUp = descriptors[0].revents != 0
        if wokenUp { self.wakeUp.reset() }
        return (descriptors[1].revents != 0, wokenUp)
    }
}
