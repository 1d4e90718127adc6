import RelayTestSupport
import Synchronization

/// One client of a soak, over all its connections.
///
/// It reads on its connection's event loop, so that it reads no faster than it checks, and queues nothing.
final class SoakClient: Sendable {
    enum Kind: CaseIterable, Sendable {
        /// Stays for as long as it is let.
        case steady
        /// Cuts its connection after a random number of messages and comes back with the last id.
        case cutting
        /// Comes back after having been away for a while.
        case leaving
        /// Begins anew now and then, with all that is retained or with nothing.
        case new
        /// Reads a little at a time.
        case slow
        /// Stops reading for seconds.
        case pausing
        case raw
        /// Reads the history, page by page.
        case pager
    }

    let kind: Kind
    private let world: SoakWorld
    private let index: Int
    private let channel: Int
    private let state: Mutex<State>

    private struct State {
        var record: SoakRecord
        var raw: SoakRawRecord
        var finished: [SoakRecord] = []
        /// Messages until the client cuts its connection.
        var left = Int.max
        var random: SeededGenerator
        var connection: WebSocketTestClient?
    }

    /// The kernel's buffer of clients that read slowly.
    private static let smallBuffer: CInt = 4096

    init(_ index: Int, world: SoakWorld, seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let traffic = world.plan.traffic
        let kind = Kind.allCases[index % Kind.allCases.count]
        self.kind = kind
        self.index = index
        self.world = world
        // Every channel has a client of each kind as soon as there are enough clients.
        self.channel = (index / Kind.allCases.count) % traffic.channels
        let name = "\(kind) client \(index)"
        let from = kind == .pager || Bool.random(using: &random) ? "0" : "latest"
        self.state = Mutex(
            State(
                record: SoakRecord(
                    name: name,
                    traffic: traffic,
                    channel: self.channel,
                    from: from,
                    readsHistory: kind == .pager
                ),
                raw: SoakRawRecord(name: name, traffic: traffic, channel: self.channel),
                random: random
            )
        )
    }

    /// What it saw, since the beginning and in each life before.
    var records: [SoakRecord] { self.state.withLock { self.kind == .raw ? [] : $0.finished + [$0.record] } }
    var rawRecord: SoakRawRecord? { self.state.withLock { self.kind == .raw ? $0.raw : nil } }

    func finish() {
        self.state.withLock { state in
            if self.kind == .raw { state.raw.finish() } else { state.record.finish() }
        }
    }

    /// Follows its channel until the soak is over.
    func run() async {
        while !self.world.isOver {
            do {
                if self.kind == .pager { try await self.page() } else { try await self.connect() }
            } catch {
                // The relay is away, or was just about to be: who comes back waits a little.
            }
            await self.pause(0...200)
            if self.kind == .leaving { await self.stayAway() }
        }
    }

    private func pause(_ milliseconds: ClosedRange<Int>) async {
        let time = self.state.withLock { Int.random(in: milliseconds, using: &$0.random) }
        try? await Task.sleep(for: .milliseconds(time))
    }

    /// Now and then for longer than the log keeps events.
    private func stayAway() async {
        let time = self.state.withLock { Int.random(in: 0...self.world.plan.longestAbsence, using: &$0.random) }
        let end = ContinuousClock.now + .milliseconds(time)
        while !self.world.isSettling, ContinuousClock.now < end { await self.pause(50...100) }
    }

    // MARK: - WebSocket

    private func connect() async throws {
        let port = try await self.world.relay.port
        let target = self.state.withLock { state in
            state.left = Int.max
            guard self.kind != .raw else {
                state.raw.connected()
                return "/listen/\(self.world.plan.traffic.name(ofChannel: self.channel))"
            }
            if !self.world.isSettling {
                switch self.kind {
                case .cutting: state.left = Int.random(in: 0...3_000, using: &state.random)
                case .leaving: state.left = Int.random(in: 0...1_000, using: &state.random)
                case .new:
                    self.beginAnew(&state)
                    state.left = Int.random(in: 0...1_000, using: &state.random)
                case .steady, .slow, .pausing, .raw, .pager: break
                }
            }
            state.record.connected()
            let name = self.world.plan.traffic.name(ofChannel: self.channel)
            return "/listen/\(name)?last-seen-id=\(state.record.cursor)"
        }
        let isSlow = self.kind == .slow || self.kind == .pausing
        let client = try await WebSocketTestClient.connect(
            port: port,
            target,
            receiveBuffer: isSlow ? Self.smallBuffer : nil
        ) { self.take($0) }
        self.state.withLock { $0.connection = client }
        defer { self.state.withLock { $0.connection = nil } }
        if self.world.isOver { await client.cut() }
        switch self.kind {
        case .slow: try await self.read(client, for: 5...50, thenNotFor: 20...200)
        case .pausing: try await self.read(client, for: 200...2_000, thenNotFor: 500...6_000)
        case .steady, .cutting, .leaving, .new, .raw, .pager: break
        }
        // Nothing comes this way but the end.
        while !self.world.isOver {
            do {
                if try await client.next(within: .seconds(1)) == nil { return }
            } catch is TimedOut {
                continue
            }
        }
        await client.cut()
    }

    private func beginAnew(_ state: inout State) {
        let old = state.record
        if old.connections == 0 { return }
        state.finished.append(old)
        state.record = SoakRecord(
            name: "\(self.kind) client \(self.index), life \(state.finished.count)",
            traffic: self.world.plan.traffic,
            channel: self.channel,
            from: Bool.random(using: &state.random) ? "0" : "latest"
        )
    }

    /// - Returns: whether to go on.
    private func take(_ message: WebSocketTestClient.Message) -> Bool {
        switch message {
        case .ping: return true
        case .close: return true
        case .text(let text): return self.take(text)
        }
    }

    private func take(_ text: String) -> Bool {
        guard self.kind != .raw else {
            var bytes = text
            let event = bytes.withUTF8 { SoakPayload.event(UnsafeRawBufferPointer($0), id: 0) }
            let isComplete = self.state.withLock { state in
                state.raw.take(event, text)
                return state.raw.isComplete
            }
            if isComplete { self.world.completed(self.index) }
            return true
        }
        let message = (try? SoakMessage(parsing: text)) ?? .changed(text)
        let (left, isComplete) = self.state.withLock { state in
            self.world.publications.withLock { state.record.take(message, &$0) }
            state.left -= 1
            return (state.left, state.record.isComplete)
        }
        if isComplete { self.world.completed(self.index) }
        return left > 0 || self.world.isSettling
    }

    private func read(
        _ client: WebSocketTestClient,
        for reading: ClosedRange<Int>,
        thenNotFor pausing: ClosedRange<Int>
    ) async throws {
        while !self.world.isSettling {
            await self.pause(reading)
            try await client.setReading(false)
            await self.pause(pausing)
            try await client.setReading(true)
        }
    }

    func cut() async {
        await self.state.withLock { $0.connection }?.cut()
    }

    // MARK: - History

    private func page() async throws {
        let port = try await self.world.relay.port
        let (cursor, limit) = self.state.withLock { state in
            state.record.connected()
            return (state.record.cursor, Int.random(in: 1...1_000, using: &state.random))
        }
        let name = self.world.plan.traffic.name(ofChannel: self.channel)
        let answer = try await HTTPTestClient.get(
            "/history/\(name)?after=\(cursor)&limit=\(limit)",
            port: port,
            headers: limit % 2 == 0 ? ["Accept": "application/x-ndjson"] : [:]
        )
        guard answer.status == 200 else { return }
        let messages =
            limit % 2 == 0
            ? try answer.body.split(separator: "\n").map { try SoakMessage(parsing: String($0)) }
            : try HistoryAnswer(parsing: answer.body).events.map(SoakMessage.init)
        let isComplete = self.state.withLock { state in
            self.world.publications.withLock { publications in
                for message in messages { state.record.take(message, &publications) }
            }
            return state.record.isComplete
        }
        if isComplete { self.world.completed(self.index) }
    }
}
