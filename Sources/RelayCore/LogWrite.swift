package enum LogWrite: Sendable {
    case event(Notification)
    /// Events of all channels with ids between `after` (nil: the newest id before this entry) and this entry's id may
    /// be missing.
    case gap(Gap.Reason, after: EventID?)
    /// The channel is being LISTENed from here on. If it was not before, a gap of reason `unrecorded` is stored.
    case recordingStarted(ChannelName)
    /// The channel is not LISTENed any more.
    case recordingStopped(ChannelName)
    /// No other channel is LISTENed.
    case recordingOnly(Set<ChannelName>)
}

extension LogWrite {
    var isEvent: Bool {
        if case .event = self { true } else { false }
    }
}
