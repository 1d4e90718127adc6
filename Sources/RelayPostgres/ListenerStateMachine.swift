package import RelayCore

/// What the listener does next. It knows no socket, and time only as an argument.
///
/// One connection listens to all channels. At most one command is under way: `LISTEN` to all that are wanted right
/// after connecting, later the difference between what is wanted and what is listened to, and a heartbeat from time to
/// time. A name that PostgreSQL refuses (its encoding may lack a character) must not keep the others from being heard: a
/// refused command is sent again name by name, and those refused alone are left out.
///
/// A connection is reported when everything wanted at its start has been tried and the first heartbeat was heard, so
/// that one on which LISTEN does nothing is never taken for good. It is given up when something is due and nothing comes.
package struct ListenerStateMachine {
    package typealias Instant = ContinuousClock.Instant

    private enum State {
        /// Waits for the time of the next attempt. Becomes `connecting`.
        case disconnected
        /// Becomes `connected` or `disconnected`.
        case connecting
        /// Becomes `disconnected`.
        case connected(Connected)
    }

    private struct Connected {
        /// The channels for which `LISTEN` has been confirmed.
        var listening: Set<ChannelName> = []
        var command: Command?
        /// Names of a refused command that are still to be tried alone.
        var singles: [ChannelName] = []
        /// Nothing was reported yet.
        var isStarting = true
        var heartbeat: HeartbeatStateMachine
        /// When PostgreSQL is asked how full its queue is; nil once it has refused to say.
        var queueUsageDue: Instant?
        /// When something was last sent, or came.
        var quietSince: Instant
    }

    /// What is under way on the connection.
    package enum Command: Equatable, Sendable {
        case listen([ChannelName])
        case unlisten([ChannelName])
        /// A notification on the heartbeat's channel whose payload is the number.
        case heartbeat(Int)
        /// How full PostgreSQL's notification queue is.
        case queueUsage
    }

    package enum Action: Equatable {
        case none
        case connect
        case send(Command)
        /// Send this heartbeat from another connection to the same place, then call `verificationSent`.
        case verify(Int)
        /// Close the connection, if any, and come back by `retryDue` after the backoff of so many failures.
        case retry(afterFailures: Int)
    }

    /// Made up for this process, so that nobody else uses it.
    private let heartbeatChannel: ChannelName
    private let timing: HeartbeatTiming
    private var state = State.disconnected
    private var wanted: Set<ChannelName> = []
    /// Those among the wanted that PostgreSQL refused on this connection.
    private var refused: Set<ChannelName> = []
    private var failures = 0
    /// Counts over all connections: what an earlier one sent and was delayed is not taken for one of this.
    private var heartbeats = 0

    package init(heartbeatChannel: ChannelName, timing: HeartbeatTiming = .standard) {
        self.heartbeatChannel = heartbeatChannel
        self.timing = timing
    }

    /// Whether a connection is there on which something may arrive.
    package var isConnected: Bool {
        if case .connected = self.state { true } else { false }
    }

    /// Connected, and not yet reported as such.
    package var isStarting: Bool {
        if case .connected(let connected) = self.state { connected.isStarting } else { false }
    }

    package var hasCommand: Bool {
        if case .connected(let connected) = self.state { connected.command != nil } else { false }
    }

    /// When `timeDue` is to be called, while connected.
    package var nextDue: Instant? {
        guard case .connected(let connected) = self.state else { return nil }
        return self.deadline(of: connected) ?? connected.heartbeat.due
    }

    /// It is time for an attempt: at start, and after each `retry`.
    package mutating func retryDue() -> Action {
        guard case .disconnected = self.state else { return .none }
        self.state = .connecting
        return .connect
    }

    /// - Parameter backend: the process that the connection was told to be talking to.
    package mutating func connectionMade(backend: Int32, at now: Instant) -> Action {
        guard case .connecting = self.state else { return .none }
        self.refused = []
        let command = Command.listen([self.heartbeatChannel] + self.wanted.sorted())
        self.state = .connected(
            Connected(
                command: command,
                heartbeat: HeartbeatStateMachine(backend: backend, interval: self.timing.interval, at: now),
                queueUsageDue: now + self.timing.queueUsage,
                quietSince: now
            )
        )
        return .send(command)
    }

    /// The attempt failed, or the connection broke, or it can't listen at all.
    /// - Returns: the report, which the relay needs before anything else, and what to do.
    package mutating func connectionLost(_ cause: OutageCause, _ reason: String) -> ([SourceReport], Action) {
        self.failures += 1
        self.state = .disconnected
        return ([.disconnected(cause: cause, reason: reason)], .retry(afterFailures: self.failures))
    }

    // MARK: - Time

    /// Something has come, or it was not looked for.
    package mutating func inputArrived(at now: Instant) {
        guard case .connected(var connected) = self.state else { return }
        connected.quietSince = now
        self.state = .connected(connected)
    }

    /// It is `nextDue`, and all that had arrived was read.
    package mutating func timeDue(at now: Instant) -> ([SourceReport], Action) {
        guard case .connected(let connected) = self.state else { return ([], .none) }
        if let deadline = self.deadline(of: connected), deadline <= now {
            // With the command answered, only the notification is missing.
            return connected.command == nil
                ? self.connectionLost(.pooler, Self.deaf) : self.connectionLost(.silent, Self.silent)
        }
        return ([], self.nextCommand(at: now))
    }

    /// How long it may stay quiet; nil while nothing is due.
    private func deadline(of connected: Connected) -> Instant? {
        let isHeartbeatAwaited = connected.heartbeat.due == nil
        guard isHeartbeatAwaited || connected.command != nil else { return nil }
        if connected.heartbeat.isVerifying { return connected.quietSince + self.timing.verification }
        let isFirstListen = connected.isStarting && !isHeartbeatAwaited
        return connected.quietSince + (isFirstListen ? self.timing.firstListen : self.timing.silence)
    }

    // MARK: - Heartbeats

    /// A notification came on the heartbeat's channel.
    /// - Parameters:
    ///   - sender: the process that sent it.
    ///   - server: as whom PostgreSQL presents itself, for the report.
    package mutating func heartbeatHeard(
        _ number: Int,
        from sender: Int32,
        server: String,
        at now: Instant
    ) -> ([SourceReport], Action) {
        guard case .connected(var connected) = self.state else { return ([], .none) }
        let heard = connected.heartbeat.heard(number, from: sender, at: now)
        self.state = .connected(connected)
        switch heard {
        case .elsewhere: return self.connectionLost(.pooler, Self.deaf)
        case .roundTrip(let time) where !connected.isStarting:
            return ([.heartbeat(roundTrip: time)], self.nextCommand(at: now))
        case .roundTrip, .stale: return self.goOn(server: server, at: now)
        }
    }

    /// What `verify` asked for is done: its notification is on the way, or will never come.
    package mutating func verificationSent(at now: Instant) {
        self.inputArrived(at: now)
    }

    // MARK: - Channels

    /// The channels asked for are these now.
    /// - Parameter asked: those for which somebody has asked since the last call, and waits for a report.
    package mutating func wants(
        _ channels: Set<ChannelName>,
        asked: Set<ChannelName>,
        at now: Instant
    ) -> ([SourceReport], Action) {
        self.wanted = channels
        var reports: [SourceReport] = []
        if self.wanted.remove(self.heartbeatChannel) != nil {
            reports.append(.refused(self.heartbeatChannel, reason: "it is reserved for the relay's heartbeats"))
        }
        self.refused = self.refused.intersection(channels).subtracting(asked)
        guard case .connected(let connected) = self.state, !connected.isStarting else { return (reports, .none) }
        var answered = asked.intersection(connected.listening)
        // It is being given up at this moment; its report comes when it is listened to again.
        if case .unlisten(let channels)? = connected.command { answered.subtract(channels) }
        reports.append(contentsOf: answered.sorted().lazy.map { .listening($0) })
        return (reports, self.nextCommand(at: now))
    }

    // MARK: - Answers

    /// The command under way was confirmed.
    /// - Parameters:
    ///   - server: as whom PostgreSQL presents itself, for the report.
    ///   - value: what it answered.
    package mutating func commandDone(
        server: String,
        value: String? = nil,
        at now: Instant
    ) -> ([SourceReport], Action) {
        guard case .connected(var connected) = self.state, let command = connected.command else { return ([], .none) }
        connected.command = nil
        var reports: [SourceReport] = []
        switch command {
        case .listen(let channels):
            connected.listening.formUnion(channels)
            connected.listening.remove(self.heartbeatChannel)
            if !connected.isStarting { reports = channels.map { .listening($0) } }
        case .unlisten(let channels):
            connected.listening.subtract(channels)
            reports = channels.map { .stoppedListening($0) }
        case .heartbeat:
            break
        case .queueUsage:
            connected.queueUsageDue = now + self.timing.queueUsage
            let share = value.flatMap { Double($0) }.flatMap { (0...1).contains($0) ? $0 : nil }
            reports = [.queueUsage(share)]
        }
        self.state = .connected(connected)
        let (started, action) = self.goOn(server: server, at: now)
        return (reports + started, action)
    }

    /// The command under way was refused because of a name in it; the connection is as good as before.
    package mutating func commandRefused(
        _ reason: String,
        server: String,
        at now: Instant
    ) -> ([SourceReport], Action) {
        guard case .connected(var connected) = self.state, let command = connected.command else { return ([], .none) }
        connected.command = nil
        var reports: [SourceReport] = []
        switch command {
        case .listen(let channels) where channels.count > 1:
            connected.singles = channels
        case .listen([self.heartbeatChannel]), .unlisten:
            // What is still listened to would have to be given up again at once, and again.
            return self.connectionLost(.refused, reason)
        case .listen(let channels):
            self.refused.formUnion(channels)
            reports = channels.map { .refused($0, reason: reason) }
        case .heartbeat:
            connected.heartbeat.refused(at: now)
            // Before the start there is no connection to speak of yet.
            reports = [
                connected.isStarting ? .disconnected(cause: .refused, reason: reason) : .heartbeatFailed(reason: reason)
            ]
        case .queueUsage:
            // Not asked again on this connection: each refusal is a line in PostgreSQL's log.
            connected.queueUsageDue = nil
            reports = [.queueUsage(nil)]
        }
        self.state = .connected(connected)
        let (started, action) = self.goOn(server: server, at: now)
        return (reports + started, action)
    }

    /// The command under way failed for a reason that lies with the server: a standby, for example, can't listen at all.
    /// A heartbeat that fails is no reason to let go of a connection that has just answered.
    package mutating func commandFailed(
        _ cause: OutageCause,
        _ reason: String,
        server: String,
        at now: Instant
    ) -> ([SourceReport], Action) {
        guard case .connected(let connected) = self.state, let command = connected.command else { return ([], .none) }
        switch command {
        case .listen, .unlisten: return self.connectionLost(cause, reason)
        case .heartbeat, .queueUsage: return self.commandRefused(reason, server: server, at: now)
        }
    }

    /// Reports the connection when everything wanted at its start has been tried and the first heartbeat was heard, and
    /// says what comes next.
    private mutating func goOn(server: String, at now: Instant) -> ([SourceReport], Action) {
        guard case .connected(var connected) = self.state, connected.isStarting, connected.command == nil,
            let roundTrip = connected.heartbeat.roundTrip, connected.heartbeat.due != nil
        else { return ([], self.nextCommand(at: now)) }
        if !connected.heartbeat.isProven {
            self.heartbeats += 1
            connected.heartbeat.verifying(self.heartbeats)
            self.state = .connected(connected)
            return ([], .verify(self.heartbeats))
        }
        connected.isStarting = false
        self.state = .connected(connected)
        self.failures = 0
        let reports: [SourceReport] = [
            .connected(channels: connected.listening.sorted(), server: server), .heartbeat(roundTrip: roundTrip),
        ]
        return (reports, self.nextCommand(at: now))
    }

    private mutating func nextCommand(at now: Instant) -> Action {
        guard case .connected(var connected) = self.state, connected.command == nil else { return .none }
        let missing = self.wanted.subtracting(connected.listening).subtracting(self.refused)
        let surplus = connected.listening.subtracting(self.wanted)
        if !connected.singles.isEmpty {
            connected.command = .listen([connected.singles.removeFirst()])
        } else if !connected.isStarting, !missing.isEmpty {
            connected.command = .listen(missing.sorted())
        } else if !connected.isStarting, !surplus.isEmpty {
            connected.command = .unlisten(surplus.sorted())
        } else if let due = connected.heartbeat.due, due <= now {
            self.heartbeats += 1
            connected.heartbeat.sent(self.heartbeats, at: now)
            connected.command = .heartbeat(self.heartbeats)
        } else if !connected.isStarting, connected.heartbeat.due != nil, let due = connected.queueUsageDue, due <= now {
            // Right after a heartbeat, when the next is far away. It wakes nobody by itself: the next call finds it due.
            connected.command = .queueUsage
        }
        guard let command = connected.command else { return .none }
        connected.quietSince = now
        self.state = .connected(connected)
        return .send(command)
    }

    private static let silent = """
        PostgreSQL, heartbeat: no answer came in time; the server or the network disappeared silently
        """
    private static let deaf = """
        PostgreSQL, heartbeat: it was answered, but its notification did not arrive; LISTEN does not work here, most \
        likely because a connection pooler in transaction mode is in between. Connect to PostgreSQL itself, or \
        through a pool in session mode
        """
}
