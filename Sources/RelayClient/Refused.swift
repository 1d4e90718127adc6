/// The relay refuses what is asked for: the one error that ends a connection, and then it would again. From `subscribe` with
/// status 429 or 503 it is about this moment: the same may be tried later.
public struct Refused: Error, Hashable, CustomStringConvertible {
    /// That of its answer (docs/protocol.md of pg_eventrelay, Errors).
    public let status: Int
    /// The relay's sentence, which says what to change.
    public let detail: String

    public init(status: Int, detail: String) {
        self.status = status
        self.detail = detail
    }

    public var description: String { "the relay refuses (\(self.status)): \(self.detail)" }
}

/// Nothing could be asked for in this way.
public struct InvalidArgument: Error, Hashable, CustomStringConvertible {
    public let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// The connection was closed by its own program, or by the end of the task that took its messages.
public struct ConnectionClosed: Error, Hashable, CustomStringConvertible {
    public var description: String { "the connection is closed" }

    package init() {}
}
