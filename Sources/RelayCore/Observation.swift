/// Something that an operator may want to know. What becomes of it (a log line, a metric) is the observer's business.
package enum Observation: Sendable {
    case sourceConnected(server: String, channels: Int)
    case sourceDisconnected(cause: OutageCause, reason: String)
    case heartbeatHeard(roundTrip: Duration)
    /// Once, not for each that fails.
    case heartbeatFailed(reason: String)
    case heartbeatRecovered
    case notificationsReceived(Int)
    case channelRecorded(ChannelName)
    case channelGivenUp(ChannelName)
    case channelRefused(ChannelName, reason: String)
    case gapStored(Gap)
    /// - took: from the first attempt on.
    case batchAppended(events: Int, took: Duration)
    /// Delivered without being in the log.
    case batchSetAside(events: Int)
    /// To the live subscribers of one event loop; not for a batch that none of them got.
    case batchDelivered(LoopDelivery)
    /// To one subscriber on its way to the head, in one turn.
    case replayed(FrameKind, events: Int, bytes: Int)
    case gapTold(Gap.Reason, times: Int)
    case logFailed(reason: String)
    case logRecovered
    case logRepaired(LogRepair)
    /// The log could not be written for so long that events are delivered without it.
    case settingAside
    /// That is not possible either any more: events wait in PostgreSQL.
    case eventsWait(reason: String)
    case eventsAbandoned(count: Int)
    case subscriberJoined(ChannelSelection, kind: FrameKind)
    /// `closed` stands for not being there, before and after.
    case subscriberMoved(FrameKind, from: SubscriberStateMachine.Phase, to: SubscriberStateMachine.Phase)
    case subscriberLeft(FinishedSubscriber)
    case subscriberLagging(ChannelSelection)
    /// A request waits for something new in its channel.
    case waitBegan
    case waitEnded
    case requestAnswered(AnsweredRequest)
    case requestRefused(RefusalCause, status: Int, reason: String)
    case requestFailed(reason: String)
    case acceptFailed(reason: String)
}

package protocol Observer: Sendable {
    /// Called from any thread, also on the hot path: it returns at once.
    func observe(_ observation: Observation)
}
