package import NIOCore
package import RelayCore

/// A message of the enveloped protocol (docs/protocol.md).
package enum WireMessage: Sendable {
    case event(Event)
    /// A gap, as told to a subscriber of `channel`.
    case gap(Gap, channel: ChannelName)
    /// Replay is over; `id` is the head at this moment.
    case live(id: EventID, logID: String)
}

extension WireMessage {
    package init(_ entry: LogEntry, channel: ChannelName) {
        switch entry {
        case .event(let event): self = .event(event)
        case .gap(let gap): self = .gap(gap, channel: channel)
        }
    }
}

extension ByteBuffer {
    /// Writes the message as one JSON object, its fields in the documented order, without white space.
    package mutating func writeJSON(_ message: WireMessage) {
        switch message {
        case .event(let event):
            self.writeStaticString(#"{"type":"event","id":"#)
            self.writeJSONNumber(event.id.rawValue)
            self.writeStaticString(#","channel":"#)
            self.writeJSONString(event.channel.text)
            self.writeStaticString(#","time":""#)
            self.writeBytes(event.time.rfc3339)
            self.writeStaticString(#"","payload":"#)
            self.writeJSONString(event.payload.repaired)
            if !event.payload.isValidUTF8 {
                // JSON text can't hold these bytes, so they come along in full.
                self.writeStaticString(#","payload_base64":""#)
                self.writeBase64(event.payload.bytes)
                self.writeStaticString(#"""#)
            }
        case .gap(let gap, let channel):
            self.writeStaticString(#"{"type":"gap","id":"#)
            self.writeJSONNumber(gap.id.rawValue)
            self.writeStaticString(#","channel":"#)
            self.writeJSONString(channel.text)
            self.writeStaticString(#","after":"#)
            self.writeJSONNumber(gap.after.rawValue)
            self.writeStaticString(#","before":"#)
            self.writeJSONNumber(gap.before.rawValue)
            self.writeStaticString(#","lost":"#)
            self.writeJSON(number: gap.lost.map(Int64.init))
            self.writeStaticString(#","reason":"#)
            self.writeJSONString(gap.reason.rawValue)
        case .live(let id, let logID):
            self.writeStaticString(#"{"type":"live","id":"#)
            self.writeJSONNumber(id.rawValue)
            self.writeStaticString(#","log":"#)
            self.writeJSONString(logID)
        }
        self.writeStaticString("}")
    }

    /// RFC 4648, section 4.
    private mutating func writeBase64(_ bytes: [UInt8]) {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for place in 0..<4 {
                let sextet = Int(bits >> UInt32(18 - 6 * place)) & 0x3f
                self.writeInteger(place <= group.count ? alphabet[sextet] : UInt8(ascii: "="))
            }
        }
    }
}
