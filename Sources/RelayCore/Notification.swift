/// What PostgreSQL delivered: a payload on a channel, not yet an event of the log.
package struct Notification: Hashable, Sendable {
    package let channel: ChannelName
    package let payload: Payload

    package init(channel: ChannelName, payload: Payload) {
        self.channel = channel
        self.payload = payload
    }
}
