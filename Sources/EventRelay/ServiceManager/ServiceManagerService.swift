import RelayCore
import ServiceLifecycle

/// Tells the service manager that the relay is alive and how it is, from the start until all else has ended.
///
/// A sign of life is given only after all that must not be stuck has answered. Where one never does, none follows, and
/// the manager ends the program.
struct ServiceManagerService: Service, CustomStringConvertible {
    /// Between two looks at the status.
    static let statusInterval = Duration.seconds(5)

    /// So at least five sixths of the time are left for a disk that hangs.
    private static let signsInTimeout = 6

    let description = "service manager"
    let manager: ServiceManager
    let clock: any Clock<Duration>

    /// Returns when all threads that must not be stuck have answered.
    let answer: @Sendable () async -> Void

    /// The line for people.
    let status: @Sendable () -> String

    func run() async throws {
        guard self.manager.isThere else { return try await gracefulShutdown() }
        await cancelWhenGracefulShutdown {
            await withTaskGroup { group in
                group.addTask { await self.giveSignsOfLife() }
                group.addTask { await self.tellStatus() }
            }
        }
    }

    /// More often than at half of the time after which the manager loses patience, as sd_watchdog_enabled(3) advises: a
    /// stall that begins just before a sign would else be given only half of that time.
    private func giveSignsOfLife() async {
        guard let timeout = self.manager.watchdogTimeout else { return }
        while !Task.isCancelled {
            await self.answer()
            await self.manager.isAlive()
            try? await self.clock.sleep(for: timeout / Self.signsInTimeout)
        }
    }

    private func tellStatus() async {
        var told = ""
        while !Task.isCancelled {
            let line = self.status()
            if line != told { await self.manager.status(line) }
            told = line
            try? await self.clock.sleep(for: Self.statusInterval)
        }
    }
}

extension RelayStatus {
    /// For `systemctl status`, which anyone on the machine may ask: no reasons, which hold addresses and paths.
    var line: String {
        let source =
            switch self.source {
            case .starting: "connecting to PostgreSQL"
            case .connected: "listening to PostgreSQL"
            case .disconnected(let since, let cause, _):
                "no connection to PostgreSQL since \(since) (\(cause.rawValue))"
            }
        switch self.log {
        case .writable: return source
        case .failing(let since, _): return "\(source); the log has not been writable since \(since)"
        }
    }
}
