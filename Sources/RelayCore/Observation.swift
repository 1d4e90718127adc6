/// Something that an operator may want to know. What becomes of it (a log line, a metric) is the observer's business.
package enum Observation: Sendable {
    case sourceConnected(server: String, channels: Int)
    case sourceDisconnected(cause: OutageCause, reason: String)
    case heartbeatHeard(roundTrip: Duration)
    /// Once, not for each that fails.
    case heartbeatFailed(reason: String)
    case heartbeatRecovered
    case channelRecorded(ChannelName)
    case channelGivenUp(ChannelName)
    case channelRefused(ChannelName, reason: String)
    case gapStored(Gap)
    case batchAppended(events: Int)
    case logFailed(reason: String)
    case logRecovered
    case logRepaired(LogRepair)
    /// The log could not be written for so long that events are delivered without it.
    case settingAside
    /// That is not possible either any more: events wait in PostgreSQL.
    case eventsWait(reason: String)
    case eventsAbandoned(count: Int)
    case subscriberJoined(channel: ChannelName, kind: String)
    case subscriberLeft(channel: ChannelName, reason: String)
    case subscriberLagging(channel: ChannelName)
    case requestRefused(RefusalCause, status: Int, reason: String)
    case requestFailed(reason: String)
    case acceptFailed(reason: String)
}

package protocol Observer: Sendable {
    /// Called from any thread, also on the hot path: it returns at once.
    func observe(_ observation: Observation)
}
