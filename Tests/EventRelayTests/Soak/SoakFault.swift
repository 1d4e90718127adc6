import Foundation
import RelayTestSupport

/// What goes wrong in a soak. A new kind is a case here, its lane, and a line in `cause`.
enum SoakFault: String, CaseIterable, Sendable {
    case relayKilled = "relay killed (SIGKILL)"
    case relayStopped = "relay stopped (SIGTERM)"
    case relayFrozen = "relay frozen (SIGSTOP)"
    case postgresRestarted = "PostgreSQL restarted (fast)"
    case postgresCrashed = "PostgreSQL crashed (immediate)"
    case backendTerminated = "LISTEN backend terminated"
    case backendFrozen = "LISTEN backend frozen (SIGSTOP)"
    case networkSilent = "network silent (no FIN, no RST)"
    case logDeleted = "log file deleted or moved away"
    case diskFull = "disk full (limit on files)"
    case logLocked = "write lock held on the log"
    case logRead = "read transaction held on the log"
    case clientsCut = "clients cut en masse"

    /// Faults of one lane come one after the other, those of different lanes at the same time.
    enum Lane: CaseIterable, Sendable { case processes, surroundings }

    var lane: Lane {
        switch self {
        case .relayKilled, .relayStopped, .relayFrozen, .postgresRestarted, .postgresCrashed, .backendTerminated,
            .backendFrozen, .networkSilent, .logDeleted:
            .processes
        case .diskFull, .logLocked, .logRead, .clientsCut: .surroundings
        }
    }

    /// Causes it and mends it again.
    func cause(in world: SoakWorld, _ random: inout SeededGenerator) async throws {
        let moment = Duration.milliseconds(Int.random(in: 100...Int(world.plan.longest * 1000), using: &random))
        switch self {
        case .relayKilled: try await world.relay.restart(by: SIGKILL)
        case .relayStopped: try await world.relay.restart(by: SIGTERM)
        case .relayFrozen:
            let relay = try await world.relay.process
            relay.signal(SIGSTOP)
            try? await Task.sleep(for: moment)
            relay.signal(SIGCONT)
        case .postgresRestarted: try await world.restartPostgres(mode: "fast")
        case .postgresCrashed: try await world.restartPostgres(mode: "immediate")
        case .backendTerminated: try await world.listenBackends("pg_terminate_backend(pid)")
        case .backendFrozen:
            let backends = try await world.listenBackends("pid").compactMap(pid_t.init)
            for backend in backends { kill(backend, SIGSTOP) }
            try? await Task.sleep(for: moment)
            for backend in backends { kill(backend, SIGCONT) }
        case .networkSilent:
            try await world.network.fallSilent()
            // Now and then for so long that the relay notices.
            try? await Task.sleep(for: moment * 4)
            try await world.network.heal()
        // In the lane of what ends the relay, since a log that is deleted just before is lost, as it must be.
        case .logDeleted: try await world.deleteLog(moving: Bool.random(using: &random))
        case .diskFull:
            let relay = try await world.relay.process
            // No file may be written beyond a page.
            try relay.limitFiles(to: 4096)
            try? await Task.sleep(for: moment)
            try relay.limitFiles(to: nil)
        case .logLocked: try await world.hold("BEGIN IMMEDIATE", for: moment)
        case .logRead: try await world.hold("BEGIN; SELECT count(*) FROM event", for: moment * 2)
        case .clientsCut: await world.cutClients(one: Int.random(in: 1...3, using: &random))
        }
    }
}
