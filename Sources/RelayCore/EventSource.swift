/// Where notifications come from.
///
/// A source reports what happens to it, in order, into one bounded queue. It reconnects by itself for as long as it
/// runs, and reports no notification before `connected`. The first of a channel that is asked for later may stand just
/// before its `listening`, as PostgreSQL may send it before it says that the command is done: the gap that is stored with
/// `listening` then claims more than is missing.
package protocol EventSource: Sendable {
    /// What happened, in order. The source finishes it when `run()` ends.
    var reports: ReportQueue { get }

    /// Asks for a channel: the source listens to it as soon as it can, and again after each reconnect. The answer is a
    /// report, also for a channel that it listens to already.
    func listen(to channel: ChannelName)

    /// Asks for a channel no more. The answer is a report.
    func stopListening(to channel: ChannelName)

    /// Works until the task is cancelled, then reports what had arrived by then and finishes the queue.
    func run() async
}

package enum SourceReport: Sendable, Equatable {
    /// Connected, and listening to `channels`: all that were asked for.
    case connected(channels: [ChannelName], server: String)
    /// Not connected any more, or one more attempt failed. What PostgreSQL sends until the next `connected` is lost.
    case disconnected(cause: OutageCause = .closed, reason: String)
    /// A notification that the source sent itself came back the way that events come. The first follows `connected`.
    case heartbeat(roundTrip: Duration)
    /// PostgreSQL answered, and would not send the heartbeat: the connection lives, and nobody may be able to NOTIFY.
    case heartbeatFailed(reason: String)
    /// How much of PostgreSQL's notification queue is in use, from 0 to 1; nil where it would not say.
    case queueUsage(Double?)
    /// Listening to one channel more.
    case listening(ChannelName)
    case stoppedListening(ChannelName)
    /// PostgreSQL can't listen to this channel, while others work. It is not asked for any more.
    case refused(ChannelName, reason: String)
    /// In the order in which PostgreSQL committed them.
    case notifications([Notification])
}
