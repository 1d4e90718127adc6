import Glibc
import Synchronization

/// The service manager that started the program, such as systemd, if it wants to be told how things go.
///
/// The protocol is that of sd_notify(3): lines of text in a datagram to the socket that `NOTIFY_SOCKET` names. Where
/// there is none, nothing is told.
final class ServiceManager: Sendable {
    /// A manager whose queue is full gets this long to read it, 5 s in all. What is lost then is told again soon, but
    /// for `READY=1`: without that, the manager ends the program and says so.
    private static let attempts = 50
    private static let retryInterval = Duration.milliseconds(100)

    private let socket: NotificationSocket?
    private let failed: @Sendable (String) -> Void
    private let hasFailed = Mutex(false)
    private let isReady = Mutex(false)

    /// It ends the program when it hears no sign of life for so long; nil if it doesn't.
    let watchdogTimeout: Duration?

    /// - Parameter failed: is told why nothing can be told, once.
    init(
        environment: [String: String],
        failed: @escaping @Sendable (_ reason: String) -> Void
    ) {
        self.failed = failed
        var socket: NotificationSocket?
        if let name = environment["NOTIFY_SOCKET"], !name.isEmpty {
            do throws(NotificationSocketError) {
                socket = try NotificationSocket(name: name)
            } catch {
                failed("\(error)")
            }
        }
        self.socket = socket
        self.watchdogTimeout = socket == nil ? nil : Self.watchdogTimeout(environment)
    }

    /// `WATCHDOG_PID` says whose signs of life are wanted: it is another's where a wrapper was started.
    private static func watchdogTimeout(_ environment: [String: String]) -> Duration? {
        guard let text = environment["WATCHDOG_USEC"], let microseconds = Int64(text), microseconds > 0 else {
            return nil
        }
        if let process = environment["WATCHDOG_PID"], process != "\(getpid())" { return nil }
        return .microseconds(microseconds)
    }

    /// Whether somebody is told anything.
    var isThere: Bool { self.socket != nil }

    /// The program serves.
    func ready() async {
        self.isReady.withLock { $0 = true }
        await self.tell("READY=1")
    }

    /// What it was told to read again is read.
    func reloaded() async {
        if self.isReady.withLock({ $0 }) { await self.tell("READY=1") }
    }

    /// The program is told to read something again; `reloaded` says when that is over. Nothing is said of it before the
    /// program serves: it would look as if it did.
    func reloading() async {
        guard self.isReady.withLock({ $0 }) else { return }
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let microseconds = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
        await self.tell("RELOADING=1\nMONOTONIC_USEC=\(microseconds)")
    }

    /// No more connections are accepted; those that are there are being closed.
    func stopping() async { await self.tell("STOPPING=1\nSTATUS=closing connections") }

    /// A sign of life.
    func isAlive() async { await self.tell("WATCHDOG=1") }

    /// One line for people.
    func status(_ line: String) async { await self.tell("STATUS=\(line)") }

    private func tell(_ message: String) async {
        guard let socket = self.socket else { return }
        for _ in 0..<Self.attempts {
            switch socket.send(message) {
            case .sent:
                return
            case .wouldBlock:
                // A cancelled sleep returns at once; the attempts then end soon.
                try? await Task.sleep(for: Self.retryInterval)
            case .failed(let reason):
                return self.fail(reason)
            }
        }
        self.fail("its queue is full")
    }

    private func fail(_ reason: String) {
        let isFirst = self.hasFailed.withLock { hasFailed in
            defer { hasFailed = true }
            return !hasFailed
        }
        if isFirst { self.failed(reason) }
    }
}
