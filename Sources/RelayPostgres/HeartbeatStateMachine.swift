/// Whether notifications come through one connection: what was sent, what was heard of it, and from whom.
///
/// A heartbeat is a NOTIFY that the connection sends to itself. Its answer says that PostgreSQL lives, its notification
/// that LISTEN works, which behind a pooler in transaction mode it does not. But such a pooler gives the connection a
/// backend for as long as the statement runs, and passes on what that backend notifies meanwhile: there the own
/// notification arrives, and nobody else's does. What gives the pooler away is the process that sent it, which is not
/// the one that the connection was told to be talking to. Then a notification from another connection, while this one is
/// idle, shows which kind of pool it is.
struct HeartbeatStateMachine {
    typealias Instant = ContinuousClock.Instant

    private enum State {
        /// Becomes `sent`, or `verifying`.
        case resting(until: Instant)
        /// Becomes `resting`, when its notification was heard or PostgreSQL refused to send it.
        case sent(number: Int, at: Instant)
        /// Another connection sends this one. Becomes `resting`.
        case verifying(number: Int)
    }

    /// What a notification means.
    enum Heard: Equatable {
        /// Nothing: it is not the one that is waited for.
        case stale
        case roundTrip(Duration)
        /// It came, but from another process than those before: somebody has exchanged the backend, and LISTEN is gone.
        case elsewhere
    }

    private let interval: Duration
    /// The process that the connection was told to be talking to.
    private let backend: Int32
    /// The process that sent what was heard first.
    private var sender: Int32?
    private var isVerified = false
    private var state: State
    private(set) var roundTrip: Duration?

    /// - Parameter now: the first is due at once.
    init(backend: Int32, interval: Duration, at now: Instant) {
        self.backend = backend
        self.interval = interval
        self.state = .resting(until: now)
    }

    /// When the next is due; nil while one is under way.
    var due: Instant? {
        if case .resting(let until) = self.state { until } else { nil }
    }

    var isVerifying: Bool {
        if case .verifying = self.state { true } else { false }
    }

    /// Notifications are known to come through.
    var isProven: Bool { self.sender == self.backend || self.isVerified }

    mutating func sent(_ number: Int, at now: Instant) {
        self.state = .sent(number: number, at: now)
    }

    /// PostgreSQL answered that it can't send it.
    mutating func refused(at now: Instant) {
        self.state = .resting(until: now + self.interval)
    }

    mutating func verifying(_ number: Int) {
        self.state = .verifying(number: number)
    }

    mutating func heard(_ number: Int, from sender: Int32, at now: Instant) -> Heard {
        switch self.state {
        case .sent(number, let at):
            if let known = self.sender, known != sender { return .elsewhere }
            self.sender = sender
            self.roundTrip = now - at
            self.state = .resting(until: now + self.interval)
            return .roundTrip(now - at)
        case .verifying(number):
            self.isVerified = true
            self.state = .resting(until: now + self.interval)
            return .stale
        case .sent, .verifying, .resting:
            return .stale
        }
    }
}
