import Glibc

/// Jobs for one thread, in order. Bounded by its users: an actor's executor holds one job for each task that waits.
///
/// `@unchecked`: `pending` and `isClosed` are read and written under `mutex` only.
final class JobQueue: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    private var pending: [@Sendable () -> Void] = []
    private var isClosed = false

    init() {
        self.mutex = .allocate(capacity: 1)
        self.mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(self.mutex, nil)
        self.changed = .allocate(capacity: 1)
        self.changed.initialize(to: pthread_cond_t())
        pthread_cond_init(self.changed, nil)
    }

    deinit {
        pthread_cond_destroy(self.changed)
        self.changed.deallocate()
        pthread_mutex_destroy(self.mutex)
        self.mutex.deallocate()
    }

    func append(_ job: @escaping @Sendable () -> Void) {
        pthread_mutex_lock(self.mutex)
        self.pending.append(job)
        pthread_mutex_unlock(self.mutex)
        pthread_cond_signal(self.changed)
    }

    /// What was appended before still runs.
    func close() {
        pthread_mutex_lock(self.mutex)
        self.isClosed = true
        pthread_mutex_unlock(self.mutex)
        pthread_cond_signal(self.changed)
    }

    func runUntilClosed() {
        while true {
            pthread_mutex_lock(self.mutex)
            while self.pending.isEmpty && !self.isClosed {
                pthread_cond_wait(self.changed, self.mutex)
            }
            let jobs = self.pending
            self.pending.removeAll(keepingCapacity: true)
            pthread_mutex_unlock(self.mutex)
            if jobs.isEmpty { return }
            for job in jobs { job() }
        }
    }
}
