/// Why PostgreSQL is not listened to, as a code of few values: for `/health`, where anyone may read it. The sentence that
/// belongs to it may hold addresses and is for the relay's own log.
package enum OutageCause: String, Sendable, CaseIterable {
    /// Nobody answered: no server, no way there, a name that is not known.
    case unreachable
    /// PostgreSQL answered and said no: a wrong password, too many connections, starting up, no such database.
    case refused
    /// The server is a standby, which can't LISTEN until it is promoted.
    case standby
    /// A connection pooler stands in between that does not pass notifications on, as in transaction mode.
    case pooler
    /// The connection was ended: PostgreSQL restarted or crashed, or somebody ended its backend.
    case closed
    /// The connection is open and nothing comes through it: the host or the network is gone without a word.
    case silent
}
