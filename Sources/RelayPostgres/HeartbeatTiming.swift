/// When heartbeats are sent, and how long one may stay without effect.
package struct HeartbeatTiming: Sendable, Equatable {
    /// Between the end of one and the next. Seldom enough to be nothing: each is a commit with NOTIFY.
    package var interval: Duration
    /// Nothing comes for so long while something is due: the connection is lost. With the interval before it, that is
    /// noticed within 12 s.
    package var silence: Duration
    /// The same for the first LISTEN of a connection, before which PostgreSQL may have to walk through its whole
    /// notification queue.
    package var firstListen: Duration
    /// Between two questions how full PostgreSQL's notification queue is: as often as metrics are commonly read.
    package var queueUsage: Duration
    /// For a notification that another connection sent, where a pooler may stand in between.
    package var verification: Duration

    package static let standard = HeartbeatTiming(
        interval: .seconds(4),
        silence: .seconds(8),
        firstListen: .seconds(30),
        queueUsage: .seconds(20),
        verification: .seconds(5)
    )

    package init(
        interval: Duration,
        silence: Duration,
        firstListen: Duration,
        queueUsage: Duration,
        verification: Duration
    ) {
        self.interval = interval
        self.silence = silence
        self.firstListen = firstListen
        self.queueUsage = queueUsage
        self.verification = verification
    }
}
