import CLibpq
import Glibc

/// Wakes a thread that waits in `poll`, from any other.
final class WakeUp: Sendable {
    let descriptor: Int32

    init() {
        self.descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        // Made at start-up only; without it there is no relay.
        precondition(self.descriptor >= 0, "the system gives no eventfd: error \(errno)")
    }

    deinit {
        close(self.descriptor)
    }

    func wake() {
        eventfd_write(self.descriptor, 1)
    }

    /// Forgets the calls of `wake` so far.
    func reset() {
        var count: eventfd_t = 0
        eventfd_read(self.descriptor, &count)
    }
}
