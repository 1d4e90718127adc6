import Foundation
import RelayTestSupport
import Synchronization

/// A real PostgreSQL, the real program, publishers, clients, and what goes wrong.
final class SoakWorld: Sendable {
    let plan: SoakPlan
    let relay: SoakRelay
    let publications: Mutex<SoakPublications>
    /// Between the relay and PostgreSQL.
    let network: NetworkProxy
    private let postgres: EphemeralPostgres
    private let database: String
    private let folder: TemporaryFolder
    private let phase = Mutex(Phase.faults)
    private let clients = Mutex<[SoakClient]>([])
    /// Clients that have not seen everything yet.
    private let waiting = Watched<Set<Int>>([])
    private let tally = Mutex(SoakTally())

    private enum Phase { case faults, settling, over }

    /// For what has to come about by itself once nothing goes wrong any more; a busy machine needs a part of it.
    private static let patience = Duration.seconds(120)

    /// A long run says now and then that it lives.
    private static let faultsBetweenLines = 25

    init(_ plan: SoakPlan) async throws {
        self.plan = plan
        self.folder = try TemporaryFolder()
        self.postgres = try EphemeralPostgres()
        self.database = try await self.postgres.makeDatabase()
        self.network = try await NetworkProxy(to: self.postgres.socket)
        self.relay = SoakRelay(
            database: throughTCP(self.database, port: self.network.port),
            folder: self.folder.path,
            environment: [
                "ES_CHANNELS": plan.traffic.channelNames.joined(separator: ","),
                "ES_LOGMAXEVENTS": "\(plan.retainedEvents)",
            ]
        )
        self.publications = Mutex(SoakPublications(streams: plan.traffic.streams))
        _ = try await self.relay.port
    }

    /// Both are true once the test's time is up, too.
    var isSettling: Bool { self.phase.withLock { $0 != .faults } || Task.isCancelled }
    var isOver: Bool { self.phase.withLock { $0 == .over } || Task.isCancelled }

    /// - Returns: the table.
    func run() async throws -> SoakReport {
        let began = ContinuousClock.now
        var seeds = SeededGenerator(seed: self.plan.seed)
        let clients = (0..<self.plan.clients).map { SoakClient($0, world: self, seed: seeds.next()) }
        self.clients.withLock { $0 = clients }
        self.waiting.change { $0 = Set(clients.indices) }
        let publisherSeeds = (0..<self.plan.traffic.publishers).map { _ in seeds.next() }
        let laneSeeds = SoakFault.Lane.allCases.map { ($0, seeds.next()) }
        await withTaskGroup(of: Void.self) { group in
            for client in clients { group.addTask { await client.run() } }
            await withTaskGroup(of: Void.self) { publishing in
                for (publisher, seed) in publisherSeeds.enumerated() {
                    publishing.addTask { await self.publish(publisher, SeededGenerator(seed: seed)) }
                }
                await withTaskGroup(of: Void.self) { lanes in
                    for (lane, seed) in laneSeeds {
                        lanes.addTask { await self.causeFaults(lane, SeededGenerator(seed: seed)) }
                    }
                }
                await self.waitForHealth()
                self.phase.withLock { $0 = .settling }
                await self.waitForClients()
                self.phase.withLock { $0 = .over }
            }
            for client in clients { await client.cut() }
        }
        let status = try await self.relay.stop()
        if status != 0 { self.tally.withLock { $0.violations.add(.stopped, "the last stop ended with \(status)") } }
        return await self.report(took: ContinuousClock.now - began)
    }

    private func report(took: Duration) async -> SoakReport {
        let log = self.readLog()
        let clients = self.clients.withLock { $0 }
        for client in clients { client.finish() }
        let audit = SoakAudit(
            traffic: self.plan.traffic,
            publications: self.publications.withLock { $0 },
            records: clients.flatMap(\.records),
            raws: clients.compactMap(\.rawRecord),
            log: log
        )
        self.clients.withLock { $0 = [] }
        var tally = self.tally.withLock { $0 }
        tally.relayStatuses = await self.relay.statuses
        return SoakReport(plan: self.plan, took: took, tally: tally, audit: audit)
    }

    // MARK: - Publishing

    private func publish(_ publisher: Int, _ random: SeededGenerator) async {
        var random = random
        var session: SQLSession?
        let eventsPerSecond = max(1, self.plan.eventsPerSecond / self.plan.traffic.publishers)
        while !self.isSettling {
            let count = Int.random(in: 1...6, using: &random)
            let channels = (0..<count).map { _ in Int.random(in: 0..<self.plan.traffic.channels, using: &random) }
            _ = await self.publish(publisher, on: channels, by: &session)
            try? await Task.sleep(for: .microseconds(count * 1_000_000 / eventsPerSecond))
        }
        // Again and again, since a client may be on its way just now.
        while !self.isOver {
            let all = Array(0..<self.plan.traffic.channels)
            _ = await self.publish(publisher, on: all, by: &session, isLast: true)
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    /// One transaction.
    /// - Returns: whether it was committed for certain.
    private func publish(
        _ publisher: Int,
        on channels: [Int],
        by session: inout SQLSession?,
        isLast: Bool = false
    ) async -> Bool {
        let traffic = self.plan.traffic
        do {
            let connection = try session ?? SQLSession(self.database)
            session = connection
            let events = self.publications.withLock { publications in
                channels.map { channel in
                    let stream = traffic.stream(publisher: publisher, channel: channel)
                    return (
                        stream: stream, number: publications.attempt(stream), name: traffic.name(ofChannel: channel)
                    )
                }
            }
            let calls = events.map { event in
                let payload = SoakPayload.text(stream: event.stream, number: event.number, isLast: isLast)
                return "pg_notify('\(event.name)', '\(payload)')"
            }
            try await connection.run("SELECT " + calls.joined(separator: ", "))
            self.publications.withLock { publications in
                for event in events { publications.confirm(event.stream, event.number) }
            }
            return true
        } catch {
            session = nil
            return false
        }
    }

    // MARK: - Faults

    private func causeFaults(_ lane: SoakFault.Lane, _ random: SeededGenerator) async {
        var random = random
        let kinds = self.plan.faults.filter { $0.lane == lane }
        // In an order of chance, all kinds before any comes again.
        var left: [SoakFault] = []
        var caused = 0
        let began = ContinuousClock.now
        while !kinds.isEmpty, !Task.isCancelled {
            switch self.plan.length {
            case .time(let time): if ContinuousClock.now - began >= time { return }
            case .faults(let count): if caused >= count { return }
            }
            try? await Task.sleep(for: .milliseconds(Int.random(in: self.plan.pause, using: &random)))
            if left.isEmpty { left = kinds.shuffled(using: &random) }
            let fault = left.removeLast()
            do {
                try await fault.cause(in: self, &random)
                self.tally.withLock { $0.faults[fault, default: 0] += 1 }
            } catch {
                self.tally.withLock { $0.violations.add(.stopped, "\(fault.rawValue): \(error)") }
            }
            caused += 1
            if caused % Self.faultsBetweenLines == 0 {
                let published = self.publications.withLock { $0.attempted }
                print("\(self.plan.name): \(caused) faults of \(lane), \(published) events")
            }
        }
    }

    func restartPostgres(mode: String) async throws {
        try await self.postgres.restart(mode: mode)
    }

    /// - Returns: the value of the expression for each connection of the relay.
    @discardableResult
    func listenBackends(_ expression: String) async throws -> [String] {
        try await SQLSession(self.database).run(
            "SELECT \(expression) FROM pg_stat_activity WHERE application_name = 'pg_eventrelay'"
        ).compactMap { $0[0] }
    }

    /// A shell with a transaction open on the log.
    func hold(_ sql: String, for time: Duration) async throws {
        let shell = try PlainSQLite(self.folder.file("log.db"))
        // The log may have been taken from its place just now: a shell makes an empty file there.
        guard try shell.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'event'") == 1 else { return }
        try shell.execute(sql)
        try? await Task.sleep(for: time)
        try shell.execute("ROLLBACK")
    }

    /// Takes the log's file from its place, and waits until the relay has put it back.
    func deleteLog(moving isMoved: Bool) async throws {
        let (path, relay) = (self.folder.file("log.db"), try await self.relay.process)
        if isMoved {
            try? FileManager.default.removeItem(atPath: path + ".moved")
            try FileManager.default.moveItem(atPath: path, toPath: path + ".moved")
        } else {
            try FileManager.default.removeItem(atPath: path)
        }
        try await relay.waitForLog("it is put back")
    }

    func cutClients(one in: Int) async {
        for (index, client) in self.clients.withLock({ $0 }).enumerated() where index % `in` == 0 { await client.cut() }
    }

    // MARK: - Settling

    private func waitForHealth() async {
        let deadline = ContinuousClock.now + Self.patience
        while ContinuousClock.now < deadline, !Task.isCancelled {
            if let port = try? await self.relay.port,
                let health = try? await HTTPTestClient.get("/health", port: port), health.status == 200
            {
                return
            }
            try? await Task.sleep(for: .milliseconds(50))
        }
        self.tally.withLock { $0.violations.add(.stopped, "not healthy \(Self.patience) after the last fault") }
    }

    func completed(_ client: Int) {
        self.waiting.change { _ = $0.remove(client) }
    }

    private func waitForClients() async {
        _ = try? await self.waiting.when(within: Self.patience, \.isEmpty)
    }

    private func readLog() -> SoakLog {
        var log = SoakLog()
        let traffic = self.plan.traffic
        let channels = Dictionary(uniqueKeysWithValues: traffic.channelNames.enumerated().map { ($1, $0) })
        do {
            let shell = try PlainSQLite(self.folder.file("log.db"))
            let integrity = try shell.rows("PRAGMA integrity_check").joined().joined(separator: "; ")
            if integrity != "ok" { log.isDamaged(integrity) }
            try self.publications.withLock { publications in
                let events = "SELECT event.id, name, payload FROM event JOIN channel ON channel.id = channel_id"
                try shell.eachRow(events + " ORDER BY event.id") { row in
                    var payload = row[2]
                    let id = Int64(row[0]) ?? 0
                    let event = payload.withUTF8 { SoakPayload.event(UnsafeRawBufferPointer($0), id: id) }
                    guard let event, channels[row[1]] == traffic.channel(of: event.stream) else {
                        return log.isChanged("\(row)")
                    }
                    log.take(event, &publications)
                }
            }
            for row in try shell.rows("SELECT id, after, before, reason, channel FROM gaps") {
                let ids = row.prefix(3).map { Int64($0) ?? -1 }
                log.gaps.append((SoakGap(id: ids[0], after: ids[1], before: ids[2], reason: row[3]), channels[row[4]]))
            }
            for row in try shell.rows("SELECT name, evicted_through FROM channel") {
                if let channel = channels[row[0]] { log.floors[channel] = Int64(row[1]) }
            }
        } catch {
            log.isDamaged("\(error)")
        }
        return log
    }
}
