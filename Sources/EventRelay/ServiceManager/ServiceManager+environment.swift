import FoundationEssentials

extension ServiceManager {
    /// The one that the process's own environment names.
    /// - Parameter failed: is told why nothing can be told, once.
    convenience init(failed: @escaping @Sendable (_ reason: String) -> Void) {
        self.init(environment: ProcessInfo.processInfo.environment, failed: failed)
    }
}
