import Dispatch
import RelayCore
import RelayTestSupport

/// A relay between a scripted source, a log in memory that fails on command, and a hub that only records; its time
/// stands still until the test moves it.
final class RelayUnderTest: Sendable {
    let clock = ManualClock()
    let source = ScriptedSource()
    let observer = RecordingObserver()
    let memory: MemoryEventLog
    let log: FailingEventLog
    let hub: RecordingHub
    let relay: Relay
    private let executor = QueueExecutor()
    /// Batches that were said to be in the log before they were.
    let publishedTooEarly = Watched(0)

    /// - Parameter memory: makes the log; a new one by default.
    init(
        channels: [String] = ["*"],
        maximumChannels: Int = 10,
        idleAfter: Duration = .seconds(100),
        memory makeMemory: (ServerClock) -> MemoryEventLog = { MemoryEventLog(clock: $0) }
    ) {
        let memory = makeMemory(self.clock.serverClock)
        let log = FailingEventLog(around: memory)
        let publishedTooEarly = self.publishedTooEarly
        self.memory = memory
        self.log = log
        self.hub = RecordingHub { batch in
            if batch.standing.writtenThrough > log.appendedThrough { publishedTooEarly.change { $0 += 1 } }
        }
        self.relay = Relay(
            log: log,
            source: self.source,
            hub: self.hub,
            registry: ChannelRegistry(
                allowed: channels.map(ChannelGlob.init),
                maximumChannels: maximumChannels,
                idleAfter: idleAfter
            ),
            observer: self.observer,
            serverClock: self.clock.serverClock,
            clock: self.clock,
            executor: self.executor
        )
    }

    /// Runs the relay during `body`, then ends the source and waits until the relay has ended too.
    func run(_ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup { group in
            group.addTask { try await self.relay.run() }
            let result: Result<Void, any Error>
            do {
                try await body()
                result = .success(())
            } catch {
                result = .failure(error)
            }
            self.log.work()
            self.hub.catchUp()
            self.source.reports.finish()
            // An append that failed may sleep before it tries again.
            self.clock.advance(by: Relay.appendRetryInterval)
            try await group.waitForAll()
            try result.get()
        }
    }

    /// The relay's thread does nothing more until the semaphore is signalled.
    func holdThread() -> DispatchSemaphore {
        let release = DispatchSemaphore(value: 0)
        self.executor.queue.async { release.wait() }
        return release
    }

    /// All published entries, once there are so many.
    @discardableResult
    func published(_ count: Int) async throws -> [LogEntry] {
        try await self.hub.whenPublished(entries: count)
    }

    /// A request for a channel, under way.
    func admit(_ channel: ChannelName) -> Admission {
        let outcome = Watched<Result<EventID, ChannelRefusal>?>(nil)
        let relay = self.relay
        Task {
            do throws(ChannelRefusal) {
                let head = try await relay.admit(channel)
                outcome.change { $0 = .success(head) }
            } catch {
                outcome.change { $0 = .failure(error) }
            }
        }
        return Admission(outcome: outcome)
    }
}

struct Admission {
    fileprivate let outcome: Watched<Result<EventID, ChannelRefusal>?>

    var isDone: Bool { self.outcome.value != nil }

    /// Waits for the answer.
    /// - Returns: the head that the subscriber was told.
    func head() async throws -> EventID {
        guard let result = try await self.outcome.when({ $0 != nil }) else { throw CancellationError() }
        return try result.get()
    }
}

/// An executor for an actor, on a queue of its own; as in the program, tasks may prefer it.
private final class QueueExecutor: SerialExecutor, TaskExecutor {
    let queue = DispatchQueue(label: "relay under test")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.queue.async {
            job.runSynchronously(
                isolatedTo: self.asUnownedSerialExecutor(),
                taskExecutor: self.asUnownedTaskExecutor()
            )
        }
    }
}
