/// The connection as its user sees it, over all the connections that are made for it one after the other.
///
/// Who drives it opens one after the other, each under a number of its own; what still comes from an older one is passed
/// over.
package struct ConnectionStateMachine {
    private enum Phase {
        /// Becomes `connecting`, or `over`.
        case idle
        /// Becomes `open`, `waiting` or `over`.
        case connecting(attempt: Int)
        /// Becomes `waiting` or `over`.
        case open(attempt: Int)
        /// Becomes `connecting` or `over`.
        case waiting
        case over(Refused?)
    }

    package enum Action: Equatable {
        /// To who waits for it.
        case handOut(Message)
        /// To who waits for a message: there will be none.
        case end(Refused?)
        /// To who waits for the answer to a request for channels.
        case settle(number: Int, Outcome)
        /// Begin to open connections.
        case drive
        /// End the wait for the next connection.
        case wake
        /// On the open connection.
        case tell(SocketCommand)
        /// The connection, open or being opened.
        case disconnect
        /// Open none any more.
        case stop
    }

    package enum Outcome: Equatable {
        case taken
        case refused(Refused)
        case invalid(InvalidArgument)
        case closed
    }

    package struct Attempt: Sendable, Equatable {
        package let number: Int
        package let channels: [String]
        package let cursor: Cursor

        package init(number: Int, channels: [String], cursor: Cursor) {
            self.number = number
            self.channels = channels
            self.cursor = cursor
        }
    }

    private var phase = Phase.idle
    /// What is told to the user, and how often it has changed.
    package private(set) var state = RelayConnection.State.idle { didSet { self.changes += 1 } }
    package private(set) var changes = 0
    package private(set) var queue: MessageQueue
    private var requests: ChannelRequests
    private let policy: RetryPolicy
    private var attempts = 0
    /// Connections that ended in a row without having come to `live`.
    private var failures = 0
    /// Whether somebody waits for a message.
    private var isAwaited = false
    /// Whether the open connection was told not to read.
    private var isPaused = false
    /// Whether the user wants another connection at once.
    private var wantsAnother = false

    package init(_ channels: ChannelRequests, from queue: MessageQueue, policy: RetryPolicy) {
        self.requests = channels
        self.queue = queue
        self.policy = policy
    }

    package var channels: [String] { self.requests.channels }

    // MARK: - The user

    package enum Next: Equatable {
        case message(Message)
        case end(Refused?)
        /// It will be handed out.
        case later
    }

    package mutating func next() -> (Next, [Action]) {
        precondition(!self.isAwaited, "the messages of a connection are taken by one task at a time")
        let next = self.queue.next()
        if let next { return (.message(next), self.readOn()) }
        if case .over(let refused) = self.phase { return (.end(refused), []) }
        self.isAwaited = true
        return (.later, self.begin() + self.readOn())
    }

    private mutating func begin() -> [Action] {
        guard case .idle = self.phase else { return [] }
        self.phase = .waiting
        return [.drive]
    }

    package mutating func ask(_ request: ChannelRequests.Request) -> [Action] {
        if case .over(let refused) = self.phase {
            return [.settle(number: request.number, refused.map(Outcome.refused) ?? .closed)]
        }
        do {
            try self.requests.add(request)
        } catch {
            return [.settle(number: request.number, .invalid(error))]
        }
        return self.begin() + self.sendRequests() + self.readOn()
    }

    /// Only on an open connection; else they wait for one.
    private mutating func sendRequests() -> [Action] {
        guard case .open = self.phase else { return [] }
        var actions: [Action] = []
        while let step = self.requests.next() {
            switch step {
            case .send(let request):
                actions.append(.tell(.send(request)))
            case .reject(let number):
                let reason = InvalidArgument("a connection has at least one channel: close it to have none")
                actions.append(.settle(number: number, .invalid(reason)))
            }
        }
        return actions
    }

    /// While an answer is waited for, reading goes on in spite of a full queue: who waits for it may be the one who takes
    /// the messages, and the answer comes behind those that were sent before.
    private var hasToPause: Bool { self.queue.isFull && !self.requests.isWaiting }

    private mutating func readOn() -> [Action] {
        guard self.isPaused, self.queue.hasRoom || self.requests.isWaiting else { return [] }
        self.isPaused = false
        return [.tell(.readOn)]
    }

    package mutating func reconnect() -> [Action] {
        switch self.phase {
        case .idle, .over:
            return []
        case .waiting:
            self.wantsAnother = true
            return [.wake]
        case .connecting, .open:
            self.wantsAnother = true
            return [.disconnect]
        }
    }

    package mutating func close() -> [Action] {
        if case .over = self.phase { return [] }
        self.phase = .over(nil)
        self.state = .closed
        // Nothing comes any more, what is here already included.
        self.queue.forget()
        return [.disconnect, .wake, .stop] + self.end(nil)
    }

    private mutating func end(_ refused: Refused?) -> [Action] {
        let outcome = refused.map(Outcome.refused) ?? .closed
        var actions: [Action] = self.requests.end().map { .settle(number: $0, outcome) }
        if self.isAwaited { actions.append(.end(refused)) }
        self.isAwaited = false
        return actions
    }

    // MARK: - The driver

    /// - Returns: nil at the end.
    package mutating func attemptBegins() -> Attempt? {
        guard case .waiting = self.phase else { return nil }
        self.attempts += 1
        self.phase = .connecting(attempt: self.attempts)
        self.state = .connecting
        self.wantsAnother = false
        return Attempt(number: self.attempts, channels: self.channels, cursor: self.queue.received)
    }

    /// Whether this attempt still counts.
    package func isCurrent(_ attempt: Int) -> Bool {
        switch self.phase {
        case .connecting(attempt), .open(attempt): true
        case .idle, .connecting, .open, .waiting, .over: false
        }
    }

    /// - Returns: how long to wait before the next one, nil at the end.
    package mutating func connectionLost(_ loss: Loss, jitter: Double) -> (wait: Duration?, [Action]) {
        if case .over = self.phase { return (nil, []) }
        self.requests.connectionLost()
        self.isPaused = false
        self.failures += 1
        let loss = self.wantsAnother ? .asked : loss
        switch self.policy.decide(on: loss, failures: self.failures, jitter: jitter) {
        case .wait(let duration):
            self.phase = .waiting
            self.state = .waiting(duration, because: loss)
            return (duration, [])
        case .give(let refused):
            self.phase = .over(refused)
            self.state = .refused(refused)
            return (nil, self.end(refused))
        }
    }

    /// Whether the wait for the next connection is to go on.
    package var isWaiting: Bool {
        guard case .waiting = self.phase else { return false }
        return !self.wantsAnother
    }

    // MARK: - The connection

    package mutating func opened(_ attempt: Int) -> [Action] {
        guard case .connecting(attempt) = self.phase else { return [.tell(.end(.asked))] }
        self.phase = .open(attempt: attempt)
        self.state = .replaying
        // Who asked while it was being opened has got it.
        self.wantsAnother = false
        let actions = self.sendRequests()
        self.isPaused = self.hasToPause
        return self.isPaused ? actions + [.tell(.pause)] : actions
    }

    package mutating func received(_ messages: [SizedMessage], _ attempt: Int) -> [Action] {
        guard case .open(attempt) = self.phase else { return [.tell(.end(.asked))] }
        var actions: [Action] = []
        do throws(Loss) {
            for message in messages { try self.take(message, &actions) }
        } catch {
            if case .overrun = error { self.overrun() }
            actions.append(.tell(.end(error)))
        }
        if self.isAwaited, let message = self.queue.next() {
            self.isAwaited = false
            actions.append(.handOut(message))
        }
        if !self.isPaused, self.hasToPause {
            self.isPaused = true
            actions.append(.tell(.pause))
        }
        return actions
    }

    /// What has come stays, and the next connection goes on after it, unread while there is no room. But where a request
    /// waits, that one has to be read, and would overrun again: it brings once more what was not handed out, and hears the
    /// request first. Channels that came or went meanwhile have come and gone for all of that.
    private mutating func overrun() {
        if self.requests.isWaiting { self.queue.forget() }
    }

    private mutating func take(_ sized: SizedMessage, _ actions: inout [Action]) throws(Loss) {
        switch sized.message {
        case .message(let message):
            guard self.queue.put(message, bytes: sized.bytes) else { throw .overrun }
            guard case .live = message else { return }
            self.failures = 0
            self.state = .live
        case .unknown(let id):
            if let id { self.queue.put(place: id) }
        case .answer(let answer):
            let number = try self.requests.answered(answer.outcome)
            // Can't fail, or the request would be gone, and its caller wait for ever.
            self.queue.put(place: answer.id)
            if case .refused(let refused) = answer.outcome {
                actions.append(.settle(number: number, .refused(refused)))
            } else {
                actions.append(.settle(number: number, .taken))
            }
            actions += self.sendRequests()
        }
    }
}

/// A message, and the bytes of its text.
package struct SizedMessage: Sendable, Equatable {
    package let message: ReceivedMessage
    package let bytes: Int

    package init(_ message: ReceivedMessage, bytes: Int) {
        self.message = message
        self.bytes = bytes
    }
}
