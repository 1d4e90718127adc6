import Glibc

/// Descriptors that are held for nothing but to be let go of: there is room at once where there was none.
///
/// A process without any does not live long. The library that runs its tasks looks into /proc each second while some of
/// them wait, and ends the process where that fails.
package struct SpareDescriptors: ~Copyable {
    /// As many as all other parts of the process could want within `AcceptPause.duration`: PostgreSQL takes two for a
    /// new connection, putting back a log a handful.
    package static let count = 16

    private var held: [Int32] = []

    package init() {}

    deinit {
        for descriptor in self.held { close(descriptor) }
    }

    package var isHeld: Bool { !self.held.isEmpty }

    /// Takes all of them, or none.
    /// - Parameter others: how many more there have to be, which stay free.
    /// - Returns: whether there were so many.
    package mutating func take(leaving others: Int) -> Bool {
        // Counted first: to try until none is left would be what is to be prevented.
        guard let open = Descriptors.countOpen(), Descriptors.limit - open >= Self.count + others else { return false }
        while self.held.count < Self.count {
            let descriptor = Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                self.release()
                return false
            }
            self.held.append(descriptor)
        }
        return true
    }

    package mutating func release() {
        for descriptor in self.held { close(descriptor) }
        self.held = []
    }
}
