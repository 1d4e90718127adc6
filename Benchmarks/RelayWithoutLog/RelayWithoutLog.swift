import Glibc
import Logging
import RelayCore
import RelayHTTP
import RelayObservability
import RelayPostgres
import RelayThreads

/// The relay as the program wires it, on a log that gives ids and does nothing else: what a run of it takes less than one
/// of the program is the cost of the log. It takes `DATABASE_URL` from the environment and any free port, which it names
/// on standard output, and serves until it is killed.
@main
struct RelayWithoutLog {
    static func main() async throws {
        signal(SIGPIPE, SIG_IGN)
        guard let databaseURL = getenv("DATABASE_URL") else {
            print("RelayWithoutLog: set DATABASE_URL")
            exit(EX_USAGE)
        }
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let wallClock = Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000)
        let clock = ServerClock(startingAt: wallClock, monotonic: ContinuousClock())

        let log = NullEventLog(clock: clock)
        let observer = LogObserver(logger: Logger(label: "RelayWithoutLog"))
        let source = PostgresListener(connectionString: String(cString: databaseURL))
        let fanOut = FanOut(head: log.identity.last, observer: observer)
        let executor = ThreadExecutor()
        let relay = Relay(
            log: log,
            source: source,
            hub: fanOut,
            registry: ChannelRegistry(allowed: [ChannelGlob("*")], maximumChannels: 1000, idleAfter: .seconds(3600)),
            observer: observer,
            serverClock: clock,
            clock: ContinuousClock(),
            // As that of a log that writes: a thread of its own.
            executor: executor
        )
        let options = HTTPOptions(
            host: "127.0.0.1",
            port: 0,
            urlBase: "",
            basePath: .none,
            corsOrigins: [.any],
            limits: ClientLimits(clients: 20_000),
            channelPatterns: ["*"],
            assets: [:],
            hasOwnAssets: false,
            version: "none"
        )
        let server = HTTPServer(options: options, fanOut: fanOut, relay: relay, log: log, observer: observer)

        print(#"{"port": \#(try await server.start().http ?? 0)}"#)
        fflush(nil)
        try await withThrowingTaskGroup { group in
            group.addTask { await source.run() }
            group.addTask(executorPreference: executor) { try await relay.run() }
            group.addTask { await server.untilClosed() }
            try await group.waitForAll()
        }
    }
}
