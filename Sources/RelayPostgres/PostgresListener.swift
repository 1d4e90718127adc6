package import RelayCore
import RelayThreads
import Synchronization

/// Notifications from PostgreSQL: one connection that listens to all channels, on a thread of its own.
///
/// More connections would cost everybody else: each idle LISTEN backend slows every NOTIFY of the cluster.
package final class PostgresListener: EventSource {
    package let reports: ReportQueue

    private let connectionString: String
    private let backoff: Backoff
    private let timing: HeartbeatTiming
    private let pace: ReadPace
    private let pause: @Sendable (ContinuousClock.Instant) -> Void
    private let requests: Mutex<ListenerRequests>
    private let wakeUp: WakeUp

    /// - Parameters:
    ///   - connectionString: see `understands`.
    ///   - pause: what the thread does until a time at which it reads again; nil: it sleeps.
    ///   - capacity: bytes of payloads that wait for the log at the most; beyond it PostgreSQL keeps them.
    package init(
        connectionString: String,
        backoff: Backoff = .standard,
        timing: HeartbeatTiming = .standard,
        pace: ReadPace = ReadPace(),
        pause: (@Sendable (ContinuousClock.Instant) -> Void)? = nil,
        capacity: Int = ReportQueue.defaultCapacity
    ) {
        let wakeUp = WakeUp()
        self.connectionString = connectionString
        self.backoff = backoff
        self.timing = timing
        self.pace = pace
        self.pause = pause ?? { sleepThread(until: $0) }
        self.wakeUp = wakeUp
        self.requests = Mutex(ListenerRequests())
        self.reports = ReportQueue(capacity: capacity) { wakeUp.wake() }
    }

    /// Whether libpq can make sense of a connection string. Which part of it is wrong is not said: it may be a secret.
    package static func understands(_ connectionString: String) -> Bool {
        PostgresConnection.summary(of: connectionString) != nil
    }

    /// Where a connection string leads and as whom, as far as it says so itself, without anything secret.
    package static func summary(of connectionString: String) -> String {
        PostgresConnection.summary(of: connectionString) ?? ""
    }

    package func listen(to channel: ChannelName) {
        self.requests.withLock { requests in
            requests.wanted.insert(channel)
            requests.asked.insert(channel)
            requests.hasChanged = true
        }
        self.wakeUp.wake()
    }

    package func stopListening(to channel: ChannelName) {
        self.requests.withLock { requests in
            requests.wanted.remove(channel)
            requests.asked.remove(channel)
            requests.hasChanged = true
        }
        self.wakeUp.wake()
    }

    package func run() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                self.requests.withLock { $0.whenEnded = continuation }
                startThread { self.runThread() }
            }
        } onCancel: {
            // A thread inside libpq's connect can't be called back; nothing it could still do matters. It is left alone.
            let isConnecting = self.requests.withLock { requests in
                requests.isStopping = true
                return requests.isConnecting
            }
            if isConnecting { self.end() }
            self.wakeUp.wake()
        }
    }

    private func runThread() {
        var thread = ListenerThread(
            connectionString: self.connectionString,
            backoff: self.backoff,
            timing: self.timing,
            pace: self.pace,
            pause: self.pause,
            reports: self.reports,
            wakeUp: self.wakeUp
        )
        thread.run(
            requests: { self.requests.withLock { $0.look() } },
            connecting: { isConnecting in
                self.requests.withLock { requests in
                    requests.isConnecting = isConnecting
                    return !requests.isStopping
                }
            }
        )
        self.end()
    }

    /// Once, whoever comes first: the thread at its end, or a stop while it connects.
    private func end() {
        guard let whenEnded = self.requests.withLock({ $0.whenEnded.take() }) else { return }
        self.reports.finish()
        whenEnded.resume()
    }
}

/// What others want of the listener's thread.
struct ListenerRequests {
    /// What the thread sees when it looks.
    struct Seen {
        /// Nil if nothing has changed since it last looked: the comparison of a thousand names at each wake-up would
        /// cost more than the notification that caused it.
        let wanted: Set<ChannelName>?
        let asked: Set<ChannelName>
        let isStopping: Bool
    }

    var wanted: Set<ChannelName> = []
    /// Wanted since the thread last looked.
    var asked: Set<ChannelName> = []
    var hasChanged = false
    var isStopping = false
    var isConnecting = false
    var whenEnded: CheckedContinuation<Void, Never>?

    mutating func look() -> Seen {
        defer {
            self.asked = []
            self.hasChanged = false
        }
        return Seen(wanted: self.hasChanged ? self.wanted : nil, asked: self.asked, isStopping: self.isStopping)
    }
}
