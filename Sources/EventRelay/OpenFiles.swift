import Glibc
import RelayHTTP

/// How many files the process may have open, and what they are needed for. A client is one, and the usual limit of a
/// shell is 1024.
struct OpenFiles {
    /// What may be opened later: connections to PostgreSQL, files of a log that is put back, looks into /proc, and the
    /// server's spares. Running out of descriptors hits everything in the process.
    static let toSpare = 32 + SpareDescriptors.count

    /// At the most.
    let limit: Int
    /// Not for connections.
    let reserved: Int

    /// How many connections there may be.
    var forConnections: Int { max(1, self.limit - self.reserved) }

    /// Raises the limit as far as it goes.
    /// - Parameters:
    ///   - eventLoops: for where the system doesn't tell what is open: each has three.
    ///   - hasAdminPort: whether operators have connections of their own.
    ///   - hasTwoPorts: whether clients have two ports, each with spares.
    /// - Precondition: everything is open that is not a connection, and lasts.
    static func raiseLimit(eventLoops: Int, hasAdminPort: Bool, hasTwoPorts: Bool) -> OpenFiles {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        getrlimit(resource, &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(resource, &limit)
        let operators = hasAdminPort ? HTTPServer.maximumAdminConnections + SpareDescriptors.count + 1 : 0
        let secondPort = hasTwoPorts ? SpareDescriptors.count + 1 : 0
        // What is asked for may be refused.
        return OpenFiles(
            limit: Descriptors.limit,
            reserved: (Descriptors.countOpen() ?? 64 + 3 * eventLoops) + Self.toSpare + operators + secondPort
        )
    }
}
