package import RelayCore

/// What the listener does next. It knows no socket and no clock.
///
/// One connection listens to all channels. At most one command is under way: `LISTEN` to all that are wanted right
/// after connecting, later the difference between what is wanted and what is listened to. A name that PostgreSQL refuses
/// (its encoding may lack a character) must not keep the others from being heard: a refused command is sent again name
/// by name, and those refused alone are left out.
package struct ListenerStateMachine {
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
        /// The first `LISTEN` is not done yet; nothing was reported.
        var isStarting = true
    }

    /// What is under way on the connection.
    package enum Command: Equatable, Sendable {
        case listen([ChannelName])
        case unlisten([ChannelName])
    }

    package enum Action: Equatable {
        case none
        case connect
        case send(Command)
        /// Close the connection, if any, and come back by `retryDue` after the backoff of so many failures.
        case retry(afterFailures: Int)
    }

    private var state = State.disconnected
    private var wanted: Set<ChannelName> = []
    /// Those among the wanted that PostgreSQL refused on this connection.
    private var refused: Set<ChannelName> = []
    private var failures = 0

    package init() {}

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

    /// It is time for an attempt: at start, and after each `retry`.
    package mutating func retryDue() -> Action {
        guard case .disconnected = self.state else { return .none }
        self.state = .connecting
        return .connect
    }

    package mutating func connectionMade() -> Action {
        guard case .connecting = self.state else { return .none }
        self.refused = []
        let command = Command.listen(Self.sorted(self.wanted))
        self.state = .connected(Connected(command: command))
        return .send(command)
    }

    /// The attempt failed, or the connection broke, or it can't listen at all.
    /// - Returns: the report, which the relay needs before anything else, and what to do.
    package mutating func connectionLost(_ reason: String) -> (SourceReport, Action) {
        self.failures += 1
        self.state = .disconnected
        return (.disconnected(reason: reason), .retry(afterFailures: self.failures))
    }

    /// The channels asked for are these now.
    /// - Parameter asked: those for which somebody has asked since the last call, and waits for a report.
    package mutating func wants(
        _ channels: Set<ChannelName>,
        asked: Set<ChannelName>
    ) -> ([SourceReport], Action) {
        self.wanted = channels
        self.refused = self.refused.intersection(channels).subtracting(asked)
        guard case .connected(let connected) = self.state, !connected.isStarting else { return ([], .none) }
        var answered = asked.intersection(connected.listening)
        // It is being given up at this moment; its report comes when it is listened to again.
        if case .unlisten(let channels)? = connected.command { answered.subtract(channels) }
        return (Self.sorted(answered).map { .listening($0) }, self.nextCommand())
    }

    /// The command under way was confirmed.
    /// - Parameter server: as whom PostgreSQL presents itself, for the report.
    package mutating func commandDone(server: String) -> ([SourceReport], Action) {
        guard case .connected(var connected) = self.state, let command = connected.command else { return ([], .none) }
        connected.command = nil
        var reports: [SourceReport] = []
        switch command {
        case .listen(let channels):
            connected.listening.formUnion(channels)
            if !connected.isStarting { reports = channels.map { .listening($0) } }
        case .unlisten(let channels):
            connected.listening.subtract(channels)
            reports = channels.map { .stoppedListening($0) }
        }
        self.state = .connected(connected)
        reports.append(contentsOf: self.start(server: server))
        return (reports, self.nextCommand())
    }

    /// The command under way was refused because of a name in it; the connection is as good as before.
    package mutating func commandRefused(_ reason: String, server: String) -> ([SourceReport], Action) {
        guard case .connected(var connected) = self.state, let command = connected.command else { return ([], .none) }
        connected.command = nil
        var reports: [SourceReport] = []
        switch command {
        case .listen(let channels) where channels.count > 1:
            connected.singles = channels
        case .listen(let channels), .unlisten(let channels):
            self.refused.formUnion(channels)
            reports = channels.map { .refused($0, reason: reason) }
        }
        self.state = .connected(connected)
        reports.append(contentsOf: self.start(server: server))
        return (reports, self.nextCommand())
    }

    /// Reports the connection when everything wanted at its start has been tried.
    private mutating func start(server: String) -> [SourceReport] {
        guard case .connected(var connected) = self.state, connected.isStarting, connected.singles.isEmpty else {
            return []
        }
        connected.isStarting = false
        self.state = .connected(connected)
        self.failures = 0
        return [.connected(channels: Self.sorted(connected.listening), server: server)]
    }

    private mutating func nextCommand() -> Action {
        guard case .connected(var connected) = self.state, connected.command == nil else { return .none }
        let missing = self.wanted.subtracting(connected.listening).subtracting(self.refused)
        let surplus = connected.listening.subtracting(self.wanted)
        if !connected.singles.isEmpty {
            connected.command = .listen([connected.singles.removeFirst()])
        } else if !missing.isEmpty {
            connected.command = .listen(Self.sorted(missing))
        } else if !surplus.isEmpty {
            connected.command = .unlisten(Self.sorted(surplus))
        }
        self.state = .connected(connected)
        return connected.command.map { .send($0) } ?? .none
    }

    private static func sorted(_ channels: Set<ChannelName>) -> [ChannelName] {
        channels.sorted { $0.text < $1.text }
    }
}
