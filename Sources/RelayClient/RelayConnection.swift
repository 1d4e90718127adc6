public import NIOSSL

/// A connection to a relay that comes back by itself and misses nothing.
///
/// ```swift
/// let connection = try RelayConnection("https://events.example.com", channels: ["people", "orders"])
/// for try await message in connection.messages {
///     switch message {
///     case .event(let event): print(event.time, event.channel, event.payload)
///     case .gap(let gap): print("events may be missing (\(gap.reason)): load the state again")
///     case .live: print("all that was missed has come")
///     }
/// }
/// ```
///
/// It is a WebSocket. When that is lost, another one is opened after a while, from 250 ms to 30 s, and goes on after the last
/// message: no event twice, none left out, and where the relay can't give all, a `Gap`. Only `Refused` ends it, `close()`,
/// and the end of the task that takes the messages.
///
/// Who takes messages slowly is served slowly: some are kept here (1,024, or 1 MiB), the rest stays in the relay's log.
///
/// It begins with the first question for a message or for other channels, and is closed when nothing refers to it any more.
public final class RelayConnection: Sendable {
    private let session: Session

    /// - Parameters:
    ///   - url: the relay's address, with its `BasePath`: http, https, ws or wss.
    ///   - channels: names, and patterns with `*` or `?`: 100 at the most, of these 10 patterns, and no more than fit in a URL
    ///     of 8,192 bytes.
    ///   - position: where to begin.
    ///   - log: the `log` of that position, from the `live` message: another log is told by a gap then.
    ///   - token: asked for each connection anew. What it throws counts as a connection that could not be had, and so does
    ///     no answer within 20 s. Over `http` and `ws` it travels readable for all on the way.
    ///   - tls: for `https` and `wss`: which authorities are trusted, and more.
    /// - Throws: `InvalidArgument`, or an error of NIOSSL for what can't be had of `tls`.
    public convenience init(
        _ url: String,
        channels: [String],
        from position: Position = .latest,
        log: String? = nil,
        token: (@Sendable () async throws -> String)? = nil,
        tls: TLSConfiguration = .makeClientConfiguration()
    ) throws {
        try self.init(url, channels: channels, from: Cursor(position: position, log: log), token: token, tls: tls)
    }

    /// - Parameter token: one that doesn't end. Over `http` and `ws` it travels readable for all on the way.
    public convenience init(
        _ url: String,
        channels: [String],
        from position: Position = .latest,
        log: String? = nil,
        token: String,
        tls: TLSConfiguration = .makeClientConfiguration()
    ) throws {
        try self.init(url, channels: channels, from: position, log: log, token: { token }, tls: tls)
    }

    /// - Parameters:
    ///   - policy: how long to wait between two connections.
    ///   - limits: of what waits to be taken.
    package init(
        _ url: String,
        channels: [String],
        from start: Cursor,
        token: (@Sendable () async throws -> String)? = nil,
        tls: TLSConfiguration = .makeClientConfiguration(),
        policy: RetryPolicy = .standard,
        limits: MessageQueue.Limits = MessageQueue.Limits(),
        clock: any Clock<Duration> = ContinuousClock()
    ) throws {
        let address = try RelayAddress(url)
        try start.check()
        let machine = ConnectionStateMachine(
            try ChannelRequests(channels, room: address.roomForChannels),
            from: MessageQueue(from: start, limits: limits),
            policy: policy
        )
        let connector = try WebSocketConnector(address, tls: tls, token: token)
        self.session = Session(machine, connector, clock: clock)
    }

    deinit {
        self.session.close()
    }

    /// What comes, in order, for one task at a time: two that wait for a message at once are a mistake that ends the program.
    /// A loop that was left may be followed by another, which goes on where it was.
    public var messages: Messages { Messages(connection: self) }

    /// That of the last message that was handled, or where it all began: what to save, and to begin at in another run.
    /// A message counts as handled when the next one is asked for.
    public var position: Position { self.session.read { $0.queue.handled.position } }

    /// The log of that position, once it is known.
    public var log: String? { self.session.read { $0.queue.handled.log } }

    /// What the relay has taken: those at the beginning, and what `subscribe` and `unsubscribe` made of them.
    public var channels: [String] { self.session.read { $0.channels } }

    public var state: State { self.session.read { $0.state } }

    /// The state as it is, and each that follows, for one who listens: a new stream each time. The newest 16 are kept for one
    /// who is slow.
    public var states: AsyncStream<State> { self.session.states() }

    /// Messages that have come and were not taken.
    package var waiting: Int { self.session.read { $0.queue.count } }

    /// Returns when the relay has taken the channels; their events come from then on. Also to be called by the task that
    /// takes the messages. A task that is cancelled stops waiting, and whether the channels come is open.
    /// - Throws: `Refused`, which concerns these channels only, `InvalidArgument`, also where all channels would no more fit in
    ///   a URL of 8,192 bytes, `ConnectionClosed` or `CancellationError`.
    public func subscribe(_ channels: String...) async throws {
        try await self.subscribe(channels)
    }

    public func subscribe(_ channels: [String]) async throws {
        try await self.session.ask(.subscribe, channels)
    }

    /// Returns when the relay sends no more of these channels. Some may have come before, and wait to be taken.
    /// - Throws: as `subscribe`; `InvalidArgument` also where no channel would be left.
    public func unsubscribe(_ channels: String...) async throws {
        try await self.unsubscribe(channels)
    }

    public func unsubscribe(_ channels: [String]) async throws {
        try await self.session.ask(.unsubscribe, channels)
    }

    /// Drops the connection, or ends the wait for the next one, and opens one at once.
    public func reconnect() { self.session.reconnect() }

    /// Nothing comes any more: the messages end. Calling it again does nothing.
    public func close() { self.session.close() }
}

extension RelayConnection {
    /// The messages of a connection.
    public struct Messages: AsyncSequence, Sendable {
        public typealias Element = Message
        public typealias Failure = Refused

        fileprivate let connection: RelayConnection

        public func makeAsyncIterator() -> Iterator { Iterator(connection: self.connection) }

        public struct Iterator: AsyncIteratorProtocol {
            fileprivate let connection: RelayConnection

            /// The next message; nil when the connection was closed, as it is when the task is cancelled.
            public mutating func next(isolation actor: isolated (any Actor)?) async throws(Refused) -> Message? {
                try await self.connection.session.next().get()
            }

            public mutating func next() async throws(Refused) -> Message? {
                try await self.connection.session.next().get()
            }
        }
    }
}
