/// The relay's state as `/health` tells it.
package struct RelayStatus: Sendable, Equatable {
    package enum Source: Sendable, Equatable {
        /// The first attempt is under way.
        case starting
        case connected(since: Timestamp, server: String)
        case disconnected(since: Timestamp, reason: String)
    }

    package enum Log: Sendable, Equatable {
        case writable
        case failing(since: Timestamp, reason: String)
    }

    package var source: Source
    package var log: Log
    /// The newest id given.
    package var head: EventID
    /// The newest id up to which everything is in the log: the head, unless events had to be set aside.
    package var writtenThrough: EventID

    package init(source: Source, log: Log, head: EventID, writtenThrough: EventID? = nil) {
        self.source = source
        self.log = log
        self.head = head
        self.writtenThrough = writtenThrough ?? head
    }

    /// Events that are published now reach the log and the subscribers.
    package var isHealthy: Bool {
        if case .connected = self.source, case .writable = self.log { true } else { false }
    }
}
