import Logging
import ServiceLifecycle
import UnixSignals

/// Reads certificates and keys again: all at SIGHUP, and each when its files change.
///
/// Files are looked at, not watched: a look costs microseconds, and works on every file system and through links. A file
/// that is being replaced together with another, such as a certificate and its key, may not fit for a moment: that is
/// said, and the next change is another attempt.
struct ReloadService: Service, CustomStringConvertible {
    /// Between two looks at the files.
    static let interval = Duration.seconds(2)

    /// Occasions that wait for a reload that takes long. One that comes on top is left out: those before it do its work.
    private static let maximumWaiting = 16

    let description = "reload"
    let reloadables: [Reloadable]
    let serviceManager: ServiceManager
    let clock: any Clock<Duration>
    let logger: Logger

    private enum Occasion: Sendable {
        case signal
        case look
    }

    func run() async throws {
        // Before anything else: from here on a SIGHUP is heard.
        let signals = await UnixSignalsSequence(trapping: [.sighup])
        // One after the other, so that what was read last is what stays.
        let (occasions, continuation) = AsyncStream.makeStream(
            of: Occasion.self,
            bufferingPolicy: .bufferingOldest(Self.maximumWaiting)
        )
        await cancelWhenGracefulShutdown {
            await withTaskGroup { group in
                group.addTask {
                    for await _ in signals { continuation.yield(.signal) }
                }
                if !self.reloadables.isEmpty {
                    group.addTask {
                        while (try? await self.clock.sleep(for: Self.interval)) != nil { continuation.yield(.look) }
                    }
                }
                group.addTask { await self.reload(at: occasions) }
            }
        }
    }

    private func reload(at occasions: AsyncStream<Occasion>) async {
        var watched = self.reloadables.map { Watched($0) }
        for await occasion in occasions {
            switch occasion {
            case .signal:
                if watched.isEmpty { self.logger.info("SIGHUP: there is nothing to reload") }
                await self.serviceManager.reloading()
                for index in watched.indices {
                    _ = watched[index].look()
                    await self.reload(&watched[index], isAsked: true)
                }
                await self.serviceManager.reloaded()
            case .look:
                for index in watched.indices where watched[index].look() { await self.reload(&watched[index]) }
            }
        }
    }

    /// - Parameter isAsked: somebody waits for what comes of it, also where it is nothing new.
    private func reload(_ watched: inout Watched, isAsked: Bool = false) async {
        let reloadable = watched.reloadable
        do {
            let what = try await reloadable.reload()
            watched.succeeded()
            self.logger.info("reloaded", metadata: ["what": "\(reloadable.name)", "now": "\(what)"])
        } catch {
            guard watched.failed("\(error)") || isAsked else { return }
            self.logger.error(
                "reload failed, the previous version stays in use",
                metadata: ["what": "\(reloadable.name)", "reason": "\(error)"]
            )
        }
    }

    /// What is known of the files of one.
    private struct Watched {
        let reloadable: Reloadable
        private var stamps: FileStamps
        private var failure: String?
        private var looksSinceFailure = 0

        /// A failure may pass without a change of the files, such as of the rights of a folder: a minute.
        private static let looksBeforeRetry = 30

        init(_ reloadable: Reloadable) {
            self.reloadable = reloadable
            self.stamps = reloadable.stamps
        }

        /// - Returns: whether the files are to be read again.
        mutating func look() -> Bool {
            if self.failure != nil { self.looksSinceFailure += 1 }
            return self.stamps.haveChanged() || self.looksSinceFailure >= Self.looksBeforeRetry
        }

        mutating func succeeded() {
            self.failure = nil
            self.looksSinceFailure = 0
        }

        /// - Returns: whether that is news.
        mutating func failed(_ reason: String) -> Bool {
            defer { self.failure = reason }
            self.looksSinceFailure = 0
            return self.failure != reason
        }
    }
}
