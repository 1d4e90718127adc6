import Glibc
import RelayCore

/// The loop of the listener's thread: waits for the socket or a wake-up, asks the state machine, acts.
struct ListenerThread: ~Copyable {
    private let connectionString: String
    private let backoff: Backoff
    private let reports: ReportQueue
    private let wakeUp: WakeUp
    private let timing: HeartbeatTiming
    private let heartbeatChannel: ChannelName

    /// What may arrive between LISTEN and the first heartbeat that is heard, in bytes of payloads: as much as may wait
    /// for the log later.
    private static let heldLimit = ReportQueue.defaultCapacity

    private var machine: ListenerStateMachine
    private var connection: PostgresConnection?
    private var nextAttempt = ContinuousClock.now
    /// Arrived before the connection was reported: their events come after the outage's gap.
    private var held: [[Notification]] = []
    private var heldBytes = 0
    /// A heartbeat to send from another connection.
    private var verification: Int?
    /// The relay's queue is full: the socket is left alone, so that PostgreSQL keeps what follows.
    private var isPaused = false
    private var pace: ReadPace
    private let pause: (ContinuousClock.Instant) -> Void
    /// Until when the socket is left alone, so that several notifications are read at once.
    private var gathersUntil: ContinuousClock.Instant?

    init(
        connectionString: String,
        backoff: Backoff,
        timing: HeartbeatTiming,
        pace: ReadPace,
        pause: @escaping (ContinuousClock.Instant) -> Void,
        reports: ReportQueue,
        wakeUp: WakeUp
    ) {
        self.connectionString = connectionString
        self.backoff = backoff
        self.timing = timing
        self.pace = pace
        self.pause = pause
        self.reports = reports
        self.wakeUp = wakeUp
        self.heartbeatChannel = ChannelName.forHeartbeats()
        self.machine = ListenerStateMachine(heartbeatChannel: self.heartbeatChannel, timing: timing)
    }

    /// Works until `requests` says to stop.
    /// - Parameter connecting: told before and after each call that can't be interrupted; answers whether to go on.
    mutating func run(
        requests: () -> ListenerRequests.Seen,
        connecting: (Bool) -> Bool
    ) {
        while true {
            let seen = requests()
            if seen.isStopping { return self.readLast() }
            if let wanted = seen.wanted { self.perform(self.machine.wants(wanted, asked: seen.asked, at: .now)) }
            if let number = self.verification.take() {
                guard connecting(true) else { continue }
                let failure = self.verify(number)
                guard connecting(false) else { return }
                if let failure { self.lose(failure) } else { self.machine.verificationSent(at: .now) }
            } else if self.machine.isConnected {
                self.waitConnected()
            } else if ContinuousClock.now < self.nextAttempt {
                _ = self.wait(forSocket: -1, events: 0, until: self.nextAttempt)
            } else if self.machine.retryDue() == .connect {
                guard connecting(true) else { continue }
                let failure = self.connect()
                guard connecting(false) else { return }
                if let failure { self.lose(failure) } else { self.startListening() }
            }
        }
    }

    private mutating func connect() -> PostgresError? {
        do {
            self.connection = try PostgresConnection.connect(self.connectionString, patience: self.timing.silence)
            return nil
        } catch {
            return error
        }
    }

    private mutating func startListening() {
        guard let backend = self.connection?.backend else { return }
        self.perform(self.machine.connectionMade(backend: backend, at: .now))
    }

    /// Sends a heartbeat from a second connection, which ends with that.
    private mutating func verify(_ number: Int) -> PostgresError? {
        do {
            var second = try PostgresConnection.connect(
                self.connectionString,
                place: self.connection?.place ?? [],
                patience: self.timing.silence
            )
            try second.run(self.heartbeat(number), within: self.timing.verification)
            return nil
        } catch {
            return PostgresError(
                work: "second connection, to try LISTEN through a pooler",
                cause: error.cause,
                message: "\(error)"
            )
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
        case .verify(let number):
            self.verification = number
        case .retry(let failures):
            self.connection = nil
            self.verification = nil
            self.held = []
            self.heldBytes = 0
            self.isPaused = false
            self.nextAttempt = .now + self.backoff.delay(after: failures, jitter: Double.random(in: 0..<1))
        }
    }

    private mutating func lose(_ error: PostgresError) {
        self.perform(self.machine.connectionLost(error.cause, "\(error)"))
    }

    private func sql(_ command: ListenerStateMachine.Command) throws(PostgresError) -> String {
        switch command {
        case .listen(let channels): try self.sql("LISTEN", channels)
        case .unlisten(let channels): try self.sql("UNLISTEN", channels)
        case .heartbeat(let number): self.heartbeat(number)
        case .queueUsage: "SELECT pg_catalog.pg_notification_queue_usage()"
        }
    }

    private func sql(_ verb: String, _ channels: [ChannelName]) throws(PostgresError) -> String {
        var sql = ""
        for channel in channels {
            sql += "\(verb) \(try self.connection?.quoted(channel) ?? "");"
        }
        return sql
    }

    /// A notification that costs nobody anything, if it can be helped: its commit waits neither for a disk nor for a
    /// synchronous standby, and an exclusive lock that another NOTIFY holds too long ends it with an error, which is an
    /// answer. The settings end with its transaction.
    private func heartbeat(_ number: Int) -> String {
        """
        SELECT set_config('synchronous_commit', 'off', true), set_config('lock_timeout', '3s', true), \
        pg_notify('\(self.heartbeatChannel.text)', '\(number)')
        """
    }

    // MARK: - Connected

    private mutating func waitConnected() {
        if let gathersUntil = self.gathersUntil.take(), !self.isPaused {
            // A wake-up can wait for as long as a notification.
            self.pause(gathersUntil)
        }
        do {
            var events = self.isPaused ? 0 : POLLIN
            if try self.connection?.flush() == true { events |= POLLOUT }
            // Left out while nothing is expected: a peer that hangs up would wake the loop again and again.
            let descriptor = events == 0 ? -1 : self.connection?.descriptor ?? -1
            // What is not looked for can't be missed: no time runs while the socket is left alone.
            let ready = self.wait(
                forSocket: descriptor,
                events: events,
                until: self.isPaused ? nil : self.machine.nextDue
            )
            if self.isPaused, ready.wokenUp {
                // Whoever asks for a channel wakes it, too. When there is room, the queue does.
                self.isPaused = !self.reports.hasRoom
                self.machine.inputArrived(at: .now)
            }
            if ready.socket { try self.read() }
            if !self.isPaused, let due = self.machine.nextDue, due <= .now {
                self.perform(self.machine.timeDue(at: .now))
            }
        } catch {
            self.lose(error)
        }
    }

    private mutating func read() throws(PostgresError) {
        let input = Result { () throws(PostgresError) in try self.connection?.consumeInput() }
        self.machine.inputArrived(at: .now)
        // A command's result comes before the notifications: what arrives on a channel is reported after the channel.
        let command = Result { () throws(PostgresError) in try self.finishCommand() }
        // What had arrived before the connection broke is reported before the break.
        try self.reportArrived()
        try command.get()
        try input.get()
    }

    private mutating func finishCommand() throws(PostgresError) {
        guard self.machine.hasCommand, let state = try self.connection?.commandState() else { return }
        let server = self.connection?.server ?? ""
        switch state {
        case .running:
            break
        case .done:
            let value = self.connection?.value
            self.perform(self.machine.commandDone(server: server, value: value, at: .now))
        case .refused(let error):
            self.perform(self.machine.commandRefused("\(error)", server: server, at: .now))
        case .failed(let error):
            // It may be the end of the connection: what came before that is not left behind in it.
            try self.reportArrived()
            self.perform(self.machine.commandFailed(error.cause, "\(error)", server: server, at: .now))
        }
    }

    private mutating func reportArrived() throws(PostgresError) {
        var count = 0
        while let arrived = self.connection?.arrived(upTo: .standard, heartbeatChannel: self.heartbeatChannel),
            !arrived.isEmpty
        {
            if !arrived.notifications.isEmpty { try self.report(arrived.notifications) }
            count += arrived.notifications.count
            let server = arrived.heartbeats.isEmpty ? "" : self.connection?.server ?? ""
            for (number, sender) in arrived.heartbeats {
                self.perform(self.machine.heartbeatHeard(number, from: sender, server: server, at: .now))
            }
        }
        self.gathersUntil = self.pace.read(count, at: .now)
    }

    private mutating func report(_ notifications: [Notification]) throws(PostgresError) {
        guard self.machine.isStarting else { return self.offer(.notifications(notifications)) }
        self.held.append(notifications)
        self.heldBytes += notifications.bytes
        if self.heldBytes > Self.heldLimit {
            throw PostgresError(work: "start", cause: .refused, message: "too much arrived before the first heartbeat")
        }
    }

    private mutating func offer(_ report: SourceReport) {
        self.isPaused = !self.reports.offer(report)
        guard case .connected = report else { return }
        for notifications in self.held { self.isPaused = !self.reports.offer(.notifications(notifications)) }
        self.held = []
        self.heldBytes = 0
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
        poll(&descriptors, 2, until.map { millisecondsToWait(until: $0) } ?? -1)
        let wokenUp = descriptors[0].revents != 0
        if wokenUp { self.wakeUp.reset() }
        return (descriptors[1].revents != 0, wokenUp)
    }
}

/// Whatever happens meanwhile; for moments only.
func sleepThread(until deadline: ContinuousClock.Instant) {
    let nanoseconds = max(0, (deadline - .now) / .nanoseconds(1))
    var time = timespec(tv_sec: 0, tv_nsec: min(999_999_999, Int(nanoseconds)))
    nanosleep(&time, nil)
}

/// For `poll`. Rounded up, so that a loop doesn't spin through the last millisecond.
func millisecondsToWait(until deadline: ContinuousClock.Instant) -> Int32 {
    Int32(max(0, (deadline - .now) / .milliseconds(1)) + 1)
}

extension ChannelName {
    /// A channel of this process alone.
    fileprivate static func forHeartbeats() -> ChannelName {
        let unique = String(UInt64.random(in: .min ... .max), radix: 16)
        do {
            return try ChannelName("pg_eventrelay_heartbeat_\(unique)")
        } catch {
            preconditionFailure("\(error)")
        }
    }
}
