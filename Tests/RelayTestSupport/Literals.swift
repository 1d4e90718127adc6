package import RelayCore

// Tests write names and ids as they are; one that is impossible fails the test at once.

extension ChannelName: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) {
        try! self.init(text)
    }
}

extension EventID: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: Int64) {
        self.init(value)
    }
}

extension LogWrite {
    package static func event(_ channel: ChannelName, _ payload: String) -> LogWrite {
        .event(Notification(channel: channel, payload: Payload(payload)))
    }
}

extension LogEntry {
    package var event: Event? {
        if case .event(let event) = self { event } else { nil }
    }

    package var gap: Gap? {
        if case .gap(let gap) = self { gap } else { nil }
    }

    /// An event's payload, a gap's reason in brackets: enough to see an order at a glance.
    package var text: String {
        switch self {
        case .event(let event): String(decoding: event.payload.bytes, as: UTF8.self)
        case .gap(let gap): "[\(gap.reason.rawValue)]"
        }
    }
}

extension [LogEntry] {
    /// What a reader of a channel is told of these entries, if the channel is recorded from the first of them on: a gap
    /// of all channels is one of its channel.
    package func told(to channel: ChannelName) -> [LogEntry] {
        self.compactMap { entry in
            switch entry {
            case .gap(let gap) where gap.channel == nil:
                .gap(Gap(id: gap.id, channel: channel, after: gap.after, before: gap.before, reason: gap.reason))
            case .gap, .event:
                entry.channel == channel ? entry : nil
            }
        }
    }
}
