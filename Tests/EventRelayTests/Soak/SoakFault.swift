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
    case logLocked = "write lock held on the log"
    case logRead = "read transaction held on the log"
    case clientsCut = "clients cut en masse"

    /// Faults of one lane come one after the other, those of different lanes at the same time.
    enum Lane: CaseIterable, Sendable { case processes, surroundings }

    var lane: Lane {
        switch self {
        case .relayKilled, .relayStopped, .relayFrozen, .postgresRestarted, .postgresCrashed, .backendTerminated,
            .backendFrozen:
            .processes
        case .logLocked, .logRead, .clientsCut: .surroundings
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
        case .logLocked: try await world.hold("BEGIN IMMEDIATE", for: moment)
        case .logRead: try await world.hold("BEGIN; SELECT count(*) FROM event", for: moment * 2)
        case .clientsCut: await world.cutClients(one: Int.random(in: 1...3, using: &random))
        }
    }
}
