import Glibc
import Logging
import RelayCore
import RelayHTTP
import RelayObservability
import RelayPostgres
import RelaySQLite
import RelayThreads
import RelayTokens
import ServiceLifecycle
import UnixSignals

/// The program: all parts, wired in this one file.
enum Application {
    /// Serves until a signal ends it.
    /// - Throws: what keeps it from starting, before a port is opened; each error says what to do.
    static func run(configuration: RelayConfiguration, origin: ConfigurationOrigin) async throws {
        // A peer that is gone, and a file at its size limit, are errors of the call and no reason to die.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        // Nor is one that asks for a reload, before there is anything to read again.
        signal(SIGHUP, SIG_IGN)
        let logger = self.makeLogger(debug: configuration.debug)
        let serviceManager = ServiceManager(failed: { reason in
            logger.warning("can't report to the service manager", metadata: ["reason": "\(reason)"])
        })

        guard PostgresListener.understands(configuration.dbConnection) else { throw InvalidDbConnection() }
        let assets = try ViewerAssets.load(folder: configuration.assetsPath)
        let (tokens, tokenKeys) = try await Tokens.verifier(configuration)
        let (certificate, certificateFiles) = try TLS.certificate(configuration)

        let wallClock = Timestamp.now()
        let clock = ServerClock(startingAt: wallClock, monotonic: ContinuousClock())
        if !ServerClock.isPlausible(wallClock) {
            logger.warning("the clock is wrong, so ids continue one by one from the last")
        }
        let log = try RingLog.open(path: configuration.logPath, retention: configuration.retention, clock: clock)
        configuration.announce(origin, log: log.identity, logger)
        if let tokens { Tokens.announce(configuration, tokens, logger) }
        if let certificate { TLS.announce(certificate, at: wallClock, logger) }

        let registry = PrometheusRegistry(describing: MetricDescription.all)
        let accessLog = configuration.accessLog ? AccessLog(logger: logger, executor: ThreadExecutor()) : nil
        let observer = MultiplexObserver(
            [LogObserver(logger: logger), MetricsObserver(factory: registry)] + (accessLog.map { [$0] } ?? [])
        )
        let source = PostgresListener(connectionString: configuration.dbConnection)
        let fanOut = FanOut(head: log.identity.last, observer: observer)
        let relay = Relay(
            log: log,
            source: source,
            hub: fanOut,
            registry: configuration.registry,
            observer: observer,
            serverClock: clock,
            clock: ContinuousClock(),
            executor: log.writerExecutor
        )
        var httpOptions = configuration.httpOptions(assets: assets, certificate: certificate)
        httpOptions.maximumConnections = self.connectionsPossible(for: configuration, fanOut, logger)
        // The issuers of tokens go by the wall clock, also where it steps.
        httpOptions.tokens = tokens.map { Tokens.options(configuration, $0, clock: ServerClock(now: Timestamp.now)) }
        let server = HTTPServer(
            options: httpOptions,
            fanOut: fanOut,
            relay: relay,
            log: log,
            observer: observer,
            metrics: MetricsPage(registry: registry, version: Version.current) {
                RelayFigures(
                    status: relay.status,
                    log: log.figures,
                    recordedChannels: relay.recordedCount,
                    openDescriptors: Descriptors.countOpen(),
                    maximumDescriptors: Descriptors.limit,
                    accessLogLinesDropped: accessLog?.dropped ?? 0,
                    now: clock.now()
                )
            }
        )

        let informing = ServiceManagerService(
            manager: serviceManager,
            clock: ContinuousClock(),
            answer: {
                await relay.answer()
                await fanOut.answer()
            },
            status: { relay.status.line }
        )
        let reloading = ReloadService(
            reloadables: [certificateFiles, tokenKeys].compactMap(\.self),
            serviceManager: serviceManager,
            clock: ContinuousClock(),
            logger: logger
        )
        let pipeline = PipelineService(source: source, relay: relay, log: log, logger: logger)
        let serving = ServerService(
            server: server,
            host: configuration.httpHost,
            adminHost: configuration.adminHost,
            path: configuration.basePath.description,
            serviceManager: serviceManager,
            logger: logger
        )
        // Stopped in the opposite order: what the others have to say last is written.
        let accessLogging = accessLog.map {
            [ServiceGroupConfiguration.ServiceConfiguration(service: AccessLogService(log: $0))]
        }
        let services = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                // First, so that it is the last to stop.
                services: [.init(service: informing), .init(service: reloading)] + (accessLogging ?? []) + [
                    .init(service: pipeline),
                    // Without a port nothing is left to do, but the log is closed in order.
                    .init(service: serving, failureTerminationBehavior: .gracefullyShutdownGroup),
                ],
                logger: logger
            )
        )
        // Before anything serves: who sees that it does may stop it.
        let signals = await UnixSignalsSequence(trapping: [.sigterm, .sigint])
        try await withThrowingTaskGroup { group in
            group.addTask { await obey(signals, services, logger) }
            try await services.run()
            group.cancelAll()
        }
    }

    private static func makeLogger(debug: Bool) -> Logger {
        LoggingSystem.bootstrap { label in StreamLogHandler.standardError(label: label) }
        var logger = Logger(label: "pg_eventrelay")
        logger.logLevel = debug ? .debug : .info
        return logger
    }

    /// The first SIGTERM or SIGINT drains, the second ends the process at once.
    private static func obey(_ signals: UnixSignalsSequence, _ services: ServiceGroup, _ logger: Logger) async {
        var isDraining = false
        for await signal in signals {
            if isDraining { exit(128 + signal.rawValue) }
            isDraining = true
            logger.info("shutting down; a second signal ends the process at once", metadata: ["signal": "\(signal)"])
            await services.triggerGracefulShutdown()
        }
    }

    /// How many connections there may be, WebSockets or not.
    private static func connectionsPossible(
        for configuration: RelayConfiguration,
        _ fanOut: FanOut,
        _ logger: Logger
    ) -> Int {
        let clients = configuration.maxClients
        let files = OpenFiles.raiseLimit(
            eventLoops: fanOut.loopCount,
            hasAdminPort: configuration.adminPort != nil,
            hasTwoPorts: configuration.httpPort != nil && configuration.servesHTTPS
        )
        let needed = clients + HTTPServer.maximumHTTPConnections + files.reserved
        if files.limit < needed {
            logger.warning(
                "the system allows fewer open files than MaxClients needs: raise it with ulimit -n",
                metadata: ["open-files": "\(files.limit)", "needed": "\(needed)", "MaxClients": "\(clients)"]
            )
        }
        return files.forConnections
    }
}

/// From PostgreSQL to the log and the event loops. It stops after the server has drained: the source first, then what
/// it had received is appended, then the log is closed.
private struct PipelineService: Service, CustomStringConvertible {
    let description = "pipeline"
    let source: PostgresListener
    let relay: Relay
    let log: RingLog
    let logger: Logger

    func run() async throws {
        try await self.relay.restoreChannels()
        try await withThrowingTaskGroup { group in
            group.addTask { await cancelWhenGracefulShutdown { await self.source.run() } }
            // On the thread where it works, so that each report wakes that thread and no other.
            group.addTask(executorPreference: self.log.writerExecutor) { try await self.relay.run() }
            do {
                try await group.waitForAll()
            } catch {
                group.cancelAll()
                throw error
            }
        }
        do {
            try await self.log.close()
            self.logger.info("the log is closed")
        } catch {
            // Nothing is lost: the next start finds an unclean log and goes on above its high water mark.
            self.logger.warning("the log could not be closed cleanly", metadata: ["reason": "\(error)"])
        }
    }
}

private struct AccessLogService: Service, CustomStringConvertible {
    let description = "access log"
    let log: AccessLog

    func run() async {
        await withGracefulShutdownHandler {
            await self.log.run()
        } onGracefulShutdown: {
            self.log.finish()
        }
    }
}

private struct ServerService: Service, CustomStringConvertible {
    let description = "server"
    let server: HTTPServer
    let host: String
    let adminHost: String
    let path: String
    let serviceManager: ServiceManager
    let logger: Logger

    func run() async throws {
        if let port = try await self.server.startAdmin() {
            let place: Logger.Metadata = ["host": "\(self.adminHost)", "port": "\(port)"]
            self.logger.info("operators are served", metadata: place)
        }
        let opened = try await self.server.start()
        let messages: [(Int?, Logger.Message)] = [(opened.https, "HTTPS is served"), (opened.http, "serving")]
        for (port, message) in messages {
            guard let port else { continue }
            let place: Logger.Metadata = ["host": "\(self.host)", "port": "\(port)", "path": "\(self.path)"]
            self.logger.info(message, metadata: place)
        }
        await self.serviceManager.ready()
        await cancelWhenGracefulShutdown { await self.server.untilClosed() }
        await self.serviceManager.stopping()
        try Task.checkCancellation()
        let hasFailed = !Task.isShuttingDownGracefully
        await self.server.drain()
        self.logger.info("all client connections are closed")
        if hasFailed { throw StoppedListening() }
    }
}

extension Timestamp {
    /// The system's wall clock.
    fileprivate static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}
