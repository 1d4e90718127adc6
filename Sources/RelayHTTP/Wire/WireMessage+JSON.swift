package import NIOCore
package import RelayCore

/// A message of the enveloped protocol (docs/protocol.md).
package enum WireMessage: Sendable {
    case event(Event)
    /// A gap, as told to a subscriber of `channel`; nil: it concerns all channels of a subscriber who has several.
    case gap(Gap, channel: ChannelName?)
    /// Replay is over; `id` is the head at this moment.
    case live(id: EventID, logID: String)
    /// Answers to a client that asks for more channels, or fewer, from `id` on.
    case subscribed([String], id: EventID)
    case unsubscribed([String], id: EventID)
    case refused([String], status: Int, detail: String, id: EventID)
}

extension WireMessage {
    package var id: EventID {
        switch self {
        case .event(let event): event.id
        case .gap(let gap, _): gap.id
        case .live(let id, _), .subscribed(_, let id), .unsubscribed(_, let id), .refused(_, _, _, let id): id
        }
    }

    /// - Parameter channel: that of a subscriber who has only one.
    package init(_ entry: LogEntry, channel: ChannelName?) {
        switch entry {
        case .event(let event): self = .event(event)
        case .gap(let gap): self = .gap(gap, channel: channel ?? gap.channel)
        }
    }
}

/// All names of fields, numbers, times and reasons of a message, and its channel, take no more.
private let maximumFixedBytes = 256 + JSONWriter.maximumBytes(ofString: ChannelName.maximumBytes)

extension Event {
    /// What its message's JSON can take at the most.
    fileprivate var maximumBytes: Int {
        let payload = JSONWriter.maximumBytes(ofString: self.payload.repaired.count)
        let bytes = self.payload.isValidUTF8 ? 0 : JSONWriter.maximumBytes(ofBase64: self.payload.bytes.count)
        return maximumFixedBytes + payload + bytes
    }

    /// Writes its message without making one, which would be a copy of it.
    fileprivate func write(to json: inout JSONWriter) {
        json.write(#"{"type":"event","id":"#)
        json.write(self.id.rawValue)
        json.write(#","channel":"#)
        json.writeString(self.channel.text)
        json.write(#","time":""#)
        json.write(self.time)
        json.write(#"","payload":"#)
        json.writeString(self.payload.repaired)
        if !self.payload.isValidUTF8 {
            // JSON text can't hold these bytes, so they come along in full.
            json.write(#","payload_base64":"#)
            json.writeBase64(Array(self.payload.bytes))
        }
        json.write("}")
    }
}

extension WireMessage {
    /// What the JSON of the message can take at the most.
    fileprivate var maximumBytes: Int {
        switch self {
        case .event(let event):
            return event.maximumBytes
        case .gap:
            return maximumFixedBytes
        case .live(_, let logID):
            return maximumFixedBytes + JSONWriter.maximumBytes(ofString: logID.utf8.count)
        case .subscribed(let channels, _), .unsubscribed(let channels, _):
            return maximumFixedBytes + JSONWriter.maximumBytes(ofStrings: channels)
        case .refused(let channels, _, let detail, _):
            let sentence = JSONWriter.maximumBytes(ofString: detail.utf8.count)
            return maximumFixedBytes + JSONWriter.maximumBytes(ofStrings: channels) + sentence
        }
    }

    /// Writes the message as one JSON object, its fields in the documented order, without white space.
    fileprivate func write(to json: inout JSONWriter) {
        switch self {
        case .event(let event):
            return event.write(to: &json)
        case .gap(let gap, let channel):
            json.write(#"{"type":"gap","id":"#)
            json.write(gap.id.rawValue)
            json.write(#","channel":"#)
            if let channel { json.writeString(channel.text) } else { json.write("null") }
            json.write(#","after":"#)
            json.write(gap.after.rawValue)
            json.write(#","before":"#)
            json.write(gap.before.rawValue)
            json.write(#","lost":"#)
            if let lost = gap.lost { json.write(Int64(lost)) } else { json.write("null") }
            json.write(#","reason":"#)
            json.writeString(gap.reason.rawValue)
        case .live(let id, let logID):
            json.write(#"{"type":"live","id":"#)
            json.write(id.rawValue)
            json.write(#","log":"#)
            json.writeString(logID)
        case .subscribed(let channels, let id):
            json.write(#"{"type":"subscribed","id":"#)
            json.write(id.rawValue)
            json.write(#","channels":"#)
            json.writeStrings(channels)
        case .unsubscribed(let channels, let id):
            json.write(#"{"type":"unsubscribed","id":"#)
            json.write(id.rawValue)
            json.write(#","channels":"#)
            json.writeStrings(channels)
        case .refused(let channels, let status, let detail, let id):
            json.write(#"{"type":"refused","id":"#)
            json.write(id.rawValue)
            json.write(#","channels":"#)
            json.writeStrings(channels)
            json.write(#","status":"#)
            json.write(Int64(status))
            json.write(#","detail":"#)
            json.writeString(detail)
        }
        json.write("}")
    }
}

extension ByteBuffer {
    /// Writes an event's message as one JSON object in a text frame.
    mutating func writeFrame(_ event: Event) {
        self.writeTextFrame(maximumBytes: event.maximumBytes) { event.write(to: &$0) }
    }

    /// Writes the message as one JSON object.
    package mutating func writeJSON(_ message: WireMessage) {
        self.writeJSON(maximumBytes: message.maximumBytes) { message.write(to: &$0) }
    }

    /// Writes the message as one JSON object in a text frame.
    package mutating func writeFrame(_ message: WireMessage) {
        self.writeTextFrame(maximumBytes: message.maximumBytes) { message.write(to: &$0) }
    }
}
