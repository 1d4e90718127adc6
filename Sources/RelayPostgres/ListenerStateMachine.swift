package import RelayCore

/// What the listener does next. It knows no socket and no clock.
///
/// One connection listens to all channels. At most one command is under way: `LISTEN` to all that are wanted right
/// after connecting, later the difference between what is wanted and what is listened to.
package struct ListenerStateMachine {
    private enum State {
        /// Waits for the time of the next attempt.
        case disconnected
        case connecting
        /// Connected; `listening` are the channels for which `LISTEN` has been confirmed.
        case connected(listening: Set<ChannelName>, Command?)
    }

    /// What is under way on the connection.
    package enum Command: Equatable, Sendable {
        /// The first one of a connection: nothing is reported before it is confirmed.
        case listenToAll([ChannelName])
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
    private var failures = 0

    package init() {}

    /// Whether a connection is there on which something may arrive.
    package var isConnected: Bool {
        if case .connected = self.state { true } else { false }
    }

    package var hasCommand: Bool {
        if case .connected(_, .some) = self.state { true } else { false }
    }

    /// It is time for an attempt: at start, and after each `retry`.
    package mutating func retryDue() -> Action {
        guard case .disconnected = self.state else { return .none }
        self.state = .connecting
        return .connect
    }

    package mutating func connectionMade() -> Action {
        guard case .connecting = self.state else { return .none }
        let command = Command.listenToAll(Self.sorted(self.wanted))
        self.state = .connected(listening: [], command)
        return .send(command)
    }

    /// The attempt failed, or the connection broke, or a command was refused.
    /// - Returns: the report, which the relay needs before anything else, and what to do.
    package mutating func connectionLost(_ reason: String) -> (SourceReport, Action) {
        self.failures += 1
        self.state = .disconnected
        return (.disconnected(reason: reason), .retry(afterFailures: self.failures))
    }

    /// The channels asked for are these now.
    package mutating func wants(_ channels: Set<ChannelName>) -> Action {
        self.wanted = channels
        return self.nextCommand()
    }

    /// The command under way was confirmed.
    /// - Parameter server: as whom PostgreSQL presents itself, for the report.
    package mutating func commandDone(server: String) -> ([SourceReport], Action) {
        guard case .connected(let listening, let command?) = self.state else { return ([], .none) }
        let reports: [SourceReport]
        switch command {
        case .listenToAll(let channels):
            self.failures = 0
            self.state = .connected(listening: Set(channels), nil)
            reports = [.connected(channels: channels, server: server)]
        case .listen(let channels):
            self.state = .connected(listening: listening.union(channels), nil)
            reports = channels.map { .listening($0) }
        case .unlisten(let channels):
            self.state = .connected(listening: listening.subtracting(channels), nil)
            reports = channels.map { .stoppedListening($0) }
        }
        return (reports, self.nextCommand())
    }

    private mutating func nextCommand() -> Action {
        guard case .connected(let listening, nil) = self.state else { return .none }
        let missing = Self.sorted(self.wanted.subtracting(listening))
        let surplus = Self.sorted(listening.subtracting(self.wanted))
        let command: Command
        if !missing.isEmpty {
            command = .listen(missing)
        } else if !surplus.isEmpty {
            command = .unlisten(surplus)
        } else {
            return .none
        }
        self.state = .connected(listening: listening, command)
        return .send(command)
    }

    private static func sorted(_ channels: Set<ChannelName>) -> [ChannelName] {
        channels.sorted { $0.text < $1.text }
    }
}
