package import NIOCore
import Synchronization

/// Holds the state of a connection, and does what it decides: hands messages out, opens connections one after the other,
/// wakes those who wait. Whatever it does, it does after it has let go of the lock.
package final class Session: Sendable {
    private struct Holder {
        var machine: ConnectionStateMachine
        var consumer: CheckedContinuation<Result<Message?, Refused>, Never>?
        /// Who waits for the answers to requests, by their numbers.
        var callers: [Int: CheckedContinuation<Void, any Error>] = [:]
        var requests = 0
        /// The connection that is open or being opened.
        var channel: (any Channel)?
        var driver: Task<Void, Never>?
        /// The wait for the next connection.
        var nap: Task<Void, Never>?
        /// Changes of the state that were told.
        var changesTold = 0
        /// Who listens to them, by a number.
        var listeners: [Int: AsyncStream<RelayConnection.State>.Continuation] = [:]
        var listenersSoFar = 0
    }

    private let holder: Mutex<Holder>
    private let connector: any Connector
    private let clock: any Clock<Duration>
    private let jitter: @Sendable () -> Double

    /// Of the states that wait for one listener: more than lead from one connection to the next.
    private static let maximumStates = 16

    /// - Parameters:
    ///   - clock: to wait on between two connections.
    ///   - jitter: from 0 to below 1.
    package init(
        _ machine: ConnectionStateMachine,
        _ connector: some Connector,
        clock: any Clock<Duration> = ContinuousClock(),
        jitter: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
    ) {
        self.holder = Mutex(Holder(machine: machine))
        self.connector = connector
        self.clock = clock
        self.jitter = jitter
    }

    package func read<Value: Sendable>(_ body: (borrowing ConnectionStateMachine) -> Value) -> Value {
        self.holder.withLock { body($0.machine) }
    }

    // MARK: - The user

    /// The state as it is, and each that follows.
    package func states() -> AsyncStream<RelayConnection.State> {
        let (stream, listener) = AsyncStream<RelayConnection.State>.makeStream(
            bufferingPolicy: .bufferingNewest(Self.maximumStates)
        )
        let (number, isOver) = self.holder.withLock { holder in
            let state = holder.machine.state
            listener.yield(state)
            if state.isLast { return (0, true) }
            holder.listenersSoFar += 1
            holder.listeners[holder.listenersSoFar] = listener
            return (holder.listenersSoFar, false)
        }
        if isOver {
            listener.finish()
        } else {
            listener.onTermination = { [weak self] _ in
                _ = self?.holder.withLock { $0.listeners.removeValue(forKey: number) }
            }
        }
        return stream
    }

    /// The next message; nil when the connection was closed, as it is when the task is cancelled.
    package func next() async -> Result<Message?, Refused> {
        await withTaskCancellationHandler {
            await withCheckedContinuation { consumer in
                let ready = self.change { holder -> (Result<Message?, Refused>?, [ConnectionStateMachine.Action]) in
                    let (next, actions) = holder.machine.next()
                    switch next {
                    case .message(let message): return (.success(message), actions)
                    case .end(let refused?): return (.failure(refused), actions)
                    case .end(nil): return (.success(nil), actions)
                    case .later:
                        holder.consumer = consumer
                        return (nil, actions)
                    }
                }
                if let ready { consumer.resume(returning: ready) }
            }
        } onCancel: {
            self.close()
        }
    }

    /// Returns when the relay has answered. A task that is cancelled stops waiting; the request stands.
    package func ask(_ kind: ChannelRequests.Request.Kind, _ channels: [String]) async throws {
        let number = self.holder.withLock { holder in
            holder.requests += 1
            return holder.requests
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (caller: CheckedContinuation<Void, any Error>) in
                let isCancelled = self.change { holder -> (Bool, [ConnectionStateMachine.Action]) in
                    if Task.isCancelled { return (true, []) }
                    holder.callers[number] = caller
                    let request = ChannelRequests.Request(number: number, kind: kind, channels: channels)
                    return (false, holder.machine.ask(request))
                }
                if isCancelled { caller.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            let caller = self.holder.withLock { $0.callers.removeValue(forKey: number) }
            caller?.resume(throwing: CancellationError())
        }
    }

    package func reconnect() { self.change { ((), $0.machine.reconnect()) } }

    package func close() { self.change { ((), $0.machine.close()) } }

    // MARK: - The driver

    private func run() async {
        while let attempt = self.attemptBegins() {
            let loss = await self.follow(attempt)
            let wait = self.change { holder in
                holder.channel = nil
                return holder.machine.connectionLost(loss, jitter: self.jitter())
            }
            guard let wait else { return }
            await self.rest(wait)
        }
    }

    private func attemptBegins() -> ConnectionStateMachine.Attempt? {
        self.change { ($0.machine.attemptBegins(), []) }
    }

    private func follow(_ attempt: ConnectionStateMachine.Attempt) async -> Loss {
        do {
            return try await self.connector.follow(attempt, for: self)
        } catch let loss as Loss {
            return loss
        } catch {
            return .failed(error)
        }
    }

    private func rest(_ wait: Duration) async {
        if wait <= .zero { return }
        // A task of its own, so that who wants another connection can end it.
        let nap = Task<Void, Never> { [clock] in
            // Only a cancelled sleep fails, and it is over then.
            try? await clock.sleep(for: wait)
        }
        let isWaiting = self.holder.withLock { holder in
            holder.nap = nap
            return holder.machine.isWaiting
        }
        if !isWaiting { nap.cancel() }
        await nap.value
    }

    // MARK: - Doing

    @discardableResult
    private func change<Value: Sendable>(
        _ body: (inout sending Holder) -> (Value, [ConnectionStateMachine.Action])
    ) -> Value {
        let (value, effects) = self.holder.withLock { holder in
            let (value, actions) = body(&holder)
            return (value, self.effects(of: actions, &holder))
        }
        for effect in effects { effect() }
        return value
    }

    /// What is to be done behind the lock. States are told before it is let go, so that they are in order: a stream takes
    /// them without waiting.
    private func effects(of actions: [ConnectionStateMachine.Action], _ holder: inout Holder) -> [() -> Void] {
        let ends = self.tellState(&holder)
        return ends + actions.compactMap { self.effect(of: $0, &holder) }
    }

    /// - Returns: the ends of the streams, which ask for the lock.
    private func tellState(_ holder: inout Holder) -> [() -> Void] {
        guard holder.changesTold != holder.machine.changes else { return [] }
        holder.changesTold = holder.machine.changes
        let listeners = Array(holder.listeners.values)
        for listener in listeners { listener.yield(holder.machine.state) }
        guard holder.machine.state.isLast else { return [] }
        holder.listeners = [:]
        return listeners.map { listener in { listener.finish() } }
    }

    private func effect(of action: ConnectionStateMachine.Action, _ holder: inout Holder) -> (() -> Void)? {
        switch action {
        case .handOut(let message):
            let consumer = holder.consumer.take()
            return { consumer?.resume(returning: .success(message)) }
        case .end(let refused):
            let consumer = holder.consumer.take()
            return { consumer?.resume(returning: refused.map { .failure($0) } ?? .success(nil)) }
        case .settle(let number, let outcome):
            let caller = holder.callers.removeValue(forKey: number)
            return { caller?.resume(with: outcome.result) }
        case .drive:
            // It lives as long as the connection of the user, which ends it by `close`.
            holder.driver = Task { await self.run() }
            return nil
        case .wake:
            let nap = holder.nap
            return { nap?.cancel() }
        case .tell(let command):
            let channel = holder.channel
            return { channel?.triggerUserOutboundEvent(command, promise: nil) }
        case .disconnect:
            let channel = holder.channel
            return {
                guard let channel else { return }
                let isHeard = channel.eventLoop.makePromise(of: Void.self)
                channel.triggerUserOutboundEvent(SocketCommand.close, promise: isHeard)
                // Nobody is there to say goodbye before the handshake is over.
                isHeard.futureResult.whenFailure { _ in channel.close(promise: nil) }
            }
        case .stop:
            let driver = holder.driver
            return { driver?.cancel() }
        }
    }
}

extension ConnectionStateMachine.Outcome {
    fileprivate var result: Result<Void, any Error> {
        switch self {
        case .taken: .success(())
        case .refused(let refused): .failure(refused)
        case .invalid(let reason): .failure(reason)
        case .closed: .failure(ConnectionClosed())
        }
    }
}

extension RelayConnection.State {
    fileprivate var isLast: Bool {
        switch self {
        case .refused, .closed: true
        case .idle, .connecting, .replaying, .live, .waiting: false
        }
    }
}

extension Session: SocketOwner {
    package func isWanted(_ attempt: Int) -> Bool { self.read { $0.isCurrent(attempt) } }

    package func connecting(_ channel: any Channel, attempt: Int) -> Bool {
        self.holder.withLock { holder in
            let isWanted = holder.machine.isCurrent(attempt)
            if isWanted { holder.channel = channel }
            return isWanted
        }
    }

    package func opened(_ channel: any Channel, attempt: Int) -> [SocketCommand] {
        // On its event loop this may be before its opener has said that there is one.
        _ = self.connecting(channel, attempt: attempt)
        return self.onConnection { $0.opened(attempt) }
    }

    package func received(_ messages: [SizedMessage], attempt: Int) -> [SocketCommand] {
        self.onConnection { $0.received(messages, attempt) }
    }

    /// Commands are returned and not sent, so that they are obeyed before anything else comes.
    private func onConnection(
        _ body: (inout ConnectionStateMachine) -> [ConnectionStateMachine.Action]
    ) -> [SocketCommand] {
        self.change { holder in
            var commands: [SocketCommand] = []
            var others: [ConnectionStateMachine.Action] = []
            for action in body(&holder.machine) {
                if case .tell(let command) = action { commands.append(command) } else { others.append(action) }
            }
            return (commands, others)
        }
    }
}

/// Opens a connection and stays until it has ended.
package protocol Connector: Sendable {
    /// - Returns: why it ended.
    /// - Throws: `Loss`, or another error, if it never opened.
    func follow(_ attempt: ConnectionStateMachine.Attempt, for owner: some SocketOwner) async throws -> Loss
}
