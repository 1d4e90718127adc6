import Glibc

/// An executor with a thread of its own, for libraries that block: nothing that runs here can hold up an event loop or
/// the shared pool.
///
/// Jobs run in the order of their submission. The thread ends when the executor is released and its jobs are done.
///
/// It is a task executor, too, for a task that waits often for other threads: a continuation is resumed where its task
/// prefers to run. For a task without a preference that is the shared pool, also where the continuation was awaited by
/// an actor of this executor, and only from there it comes back here: two threads are woken instead of one.
package final class ThreadExecutor: SerialExecutor, TaskExecutor {
    private let jobs: JobQueue

    package init() {
        let jobs = JobQueue()
        self.jobs = jobs
        startThread { jobs.runUntilClosed() }
    }

    deinit {
        self.jobs.close()
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let serial = self.asUnownedSerialExecutor()
        let task = self.asUnownedTaskExecutor()
        self.jobs.append { job.runSynchronously(isolatedTo: serial, taskExecutor: task) }
    }
}

/// Runs `body` on a new thread that nobody joins.
package func startThread(_ body: @escaping @Sendable () -> Void) {
    let start = Unmanaged.passRetained(ThreadStart(body: body))
    var thread = pthread_t()
    let result = pthread_create(
        &thread,
        nil,
        { argument in
            guard let argument else { return nil }
            Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue().body()
            return nil
        },
        start.toOpaque()
    )
    // Threads are started at start-up only; without them there is no relay.
    precondition(result == 0, "the system gives no thread: error \(result)")
    pthread_detach(thread)
}

private final class ThreadStart: Sendable {
    let body: @Sendable () -> Void

    init(body: @escaping @Sendable () -> Void) {
        self.body = body
    }
}
