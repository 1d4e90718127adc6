/// The relay's state as `/health` tells it.
package struct RelayStatus: Sendable, Equatable {
    package enum Source: Sendable, Equatable {
        /// The first attempt is under way.
        case starting
        /// - `heartbeat`: nil until the first was taken notice of.
        case connected(since: Timestamp, server: String, heartbeat: Heartbeat? = nil)
        case disconnected(since: Timestamp, cause: OutageCause, reason: String)
    }

    /// The last notification that the source sent itself and heard.
    package struct Heartbeat: Sendable, Equatable {
        package var at: Timestamp
        package var roundTrip: Duration
        /// PostgreSQL refused those after it.
        package var isFailing = false

        package init(at: Timestamp, roundTrip: Duration, isFailing: Bool = false) {
            self.at = at
            self.roundTrip = roundTrip
            self.isFailing = isFailing
        }
    }

    package enum Log: Sendable, Equatable {
        case writable
        case failing(since: Timestamp, reason: String)
    }

    /// What PostgreSQL said last of its notification queue.
    package struct QueueUsage: Sendable, Equatable {
        /// From 0 to 1.
        package var share: Double
        package var at: Timestamp

        package init(share: Double, at: Timestamp) {
            self.share = share
            self.at = at
        }
    }

    package var source: Source
    /// Nil until it was told on this connection, and where PostgreSQL would not say.
    package var queueUsage: QueueUsage?
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

    /// - Returns: whether those before had failed.
    package mutating func heartbeatHeard(at now: Timestamp, roundTrip: Duration) -> Bool {
        guard case .connected(let since, let server, let last) = self.source else { return false }
        let heartbeat = Heartbeat(at: now, roundTrip: roundTrip)
        self.source = .connected(since: since, server: server, heartbeat: heartbeat)
        return last?.isFailing ?? false
    }

    /// - Returns: whether it is the first that failed.
    package mutating func heartbeatFailed() -> Bool {
        guard case .connected(let since, let server, var heartbeat?) = self.source, !heartbeat.isFailing else {
            return false
        }
        heartbeat.isFailing = true
        self.source = .connected(since: since, server: server, heartbeat: heartbeat)
        return true
    }

    /// Events that are published now reach the log and the subscribers.
    package var isHealthy: Bool {
        if case .connected = self.source, case .writable = self.log { true } else { false }
    }
}
