package import Logging
package import RelayCore

/// Writes what happens to the log: constant messages, what varies as metadata.
package struct LogObserver: Observer {
    private let logger: Logger

    package init(logger: Logger) {
        self.logger = logger
    }

    package func observe(_ observation: Observation) {
        switch observation {
        case .sourceConnected(let server, let channels):
            self.logger.info("listening to PostgreSQL", metadata: ["server": "\(server)", "channels": "\(channels)"])
        case .sourceDisconnected(let cause, let reason):
            self.logger.warning(
                "no connection to PostgreSQL, trying again",
                metadata: ["cause": "\(cause.rawValue)", "reason": "\(reason)"]
            )
        case .heartbeatHeard(let roundTrip):
            self.logger.debug("heartbeat heard", metadata: ["round-trip": "\(roundTrip)"])
        case .heartbeatFailed(let reason):
            self.logger.warning("PostgreSQL refuses the heartbeat", metadata: ["reason": "\(reason)"])
        case .heartbeatRecovered:
            self.logger.info("PostgreSQL accepts the heartbeat again")
        case .channelRecorded(let channel):
            self.logger.info("channel is recorded", metadata: ["channel": "\(logText(channel.text))"])
        case .channelGivenUp(let channel):
            self.logger.info("channel is no longer recorded", metadata: ["channel": "\(logText(channel.text))"])
        case .channelRefused(let channel, let reason):
            self.logger.warning(
                "PostgreSQL can't listen to a channel",
                metadata: ["channel": "\(logText(channel.text))", "reason": "\(reason)"]
            )
        case .gapStored(let gap):
            self.logger.warning(
                "events may be missing",
                metadata: ["reason": "\(gap.reason.rawValue)", "after": "\(gap.after)", "before": "\(gap.before)"]
            )
        case .batchAppended(let events, _):
            self.logger.debug("batch appended", metadata: ["events": "\(events)"])
        case .logFailed(let reason):
            self.logger.error("log can't be written, trying again", metadata: ["reason": "\(reason)"])
        case .logRepaired(.putBack):
            self.logger.warning("the log's file was deleted or moved away while in use; it is put back with all events")
        case .settingAside:
            self.logger.error("events are delivered from memory until they can be written")
        case .eventsWait(let reason):
            self.logger.error(
                "events wait in PostgreSQL until the log can be written",
                metadata: ["reason": "\(reason)"]
            )
        case .logRecovered:
            self.logger.info("log can be written again")
        case .eventsAbandoned(let count):
            self.logger.error(
                "stopping without having written the newest events",
                metadata: ["events": "\(count)"]
            )
        case .subscriberJoined(let selection, let kind):
            self.logger.debug(
                "subscriber joined",
                metadata: ["channel": "\(logText(selection.description))", "kind": "\(kind.rawValue)"]
            )
        case .subscriberLeft(let end):
            self.logger.debug(
                "subscriber left",
                metadata: ["channel": "\(logText(end.selection.description))", "reason": "\(end.reason)"]
            )
        case .subscriberLagging(let selection):
            self.logger.debug("subscriber lags", metadata: ["channel": "\(logText(selection.description))"])
        case .requestRefused(let cause, let status, let reason):
            self.logger.debug(
                "request refused",
                metadata: ["cause": "\(cause.rawValue)", "status": "\(status)", "reason": "\(logText(reason))"]
            )
        case .requestFailed(let reason):
            self.logger.error("request failed", metadata: ["reason": "\(reason)"])
        case .acceptFailed(let reason):
            self.logger.warning("connections can't be accepted, trying again", metadata: ["reason": "\(reason)"])
        case .notificationsReceived, .batchSetAside, .batchDelivered, .replayed, .gapTold, .subscriberMoved, .waitBegan,
            .waitEnded, .requestAnswered:
            // Too many of them, or told by others.
            break
        }
    }
}
