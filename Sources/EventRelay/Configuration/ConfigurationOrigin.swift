/// What the first log lines say about where the configuration came from.
struct ConfigurationOrigin: Sendable, Equatable {
    /// A key that somebody set and that has no effect.
    struct IgnoredKey: Sendable, Equatable {
        let key: String
        let reason: String
    }

    /// The file that was read, as it was named or found; `nil` if there was none.
    var file: String?

    /// Those keys without effect that were set, in the order of ``ConfigurationKey/all``.
    var ignoredKeys: [IgnoredKey] = []
}
