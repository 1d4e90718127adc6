import Logging
import ServiceLifecycle
import UnixSignals

/// Reads certificates and keys again: all at SIGHUP, and each when its files change.
///
/// Files are looked at, not watched: a look costs microseconds, and works on every file system and through links. A file
/// that is being replaced together with another, such as a certificate and its key, may not fit for a moment: that is
/// said once, and the next change is another attempt.
struct ReloadService: Service, CustomStringConvertible {
    /// Between two looks at the files.
    static let interval = Duration.seconds(2)

    let description = "reload"
    let reloadables: [Reloadable]
    let serviceManager: ServiceManager
    let clock: any Clock<Duration>
    let logger: Logger

    func run() async throws {
        // Before anything else: a SIGHUP that nobody waits for would end the program.
        let signals = await UnixSignalsSequence(trapping: [.sighup])
        await cancelWhenGracefulShutdown {
            await withTaskGroup { group in
                group.addTask {
                    for await _ in signals { await self.reloadAll() }
                }
                group.addTask { await self.look() }
            }
        }
    }

    private func reloadAll() async {
        await self.serviceManager.reloading()
        if self.reloadables.isEmpty { self.logger.info("SIGHUP: nothing that could be read again is in use") }
        for reloadable in self.reloadables { await self.reload(reloadable) }
        await self.serviceManager.ready()
    }

    private func look() async {
        if self.reloadables.isEmpty { return }
        var seen = self.reloadables.map { $0.files.map { FileStamp(path: $0) } }
        while (try? await self.clock.sleep(for: Self.interval)) != nil {
            for (index, reloadable) in self.reloadables.enumerated() {
                let stamps = reloadable.files.map { FileStamp(path: $0) }
                if stamps == seen[index] { continue }
                seen[index] = stamps
                await self.reload(reloadable)
            }
        }
    }

    private func reload(_ reloadable: Reloadable) async {
        do {
            let what = try await reloadable.reload()
            self.logger.info("read again", metadata: ["what": "\(reloadable.name)", "now": "\(what)"])
        } catch {
            self.logger.error(
                "can't be read again, what was read before stays in use",
                metadata: ["what": "\(reloadable.name)", "reason": "\(error)"]
            )
        }
    }
}
