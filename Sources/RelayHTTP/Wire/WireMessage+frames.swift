package import NIOCore
package import RelayCore

extension ByteBuffer {
    /// Writes an event as subscribers of a kind get it.
    mutating func write(_ event: Event, as kind: FrameKind) {
        switch kind {
        case .raw: self.writeWebSocketFrame(.text, event.payload.repaired)
        case .enveloped: self.writeFrame(event)
        case .eventStream: self.writeStreamEvent(.event(event)) { $0.writeJSON(.event(event)) }
        case .rawEventStream: self.writeStreamEvent(.event(event)) { $0.writeStreamData(event.payload.repaired) }
        }
    }

    /// Writes a message as subscribers of a kind get it. What is no event is for kinds that tell positions.
    package mutating func write(_ message: WireMessage, as kind: FrameKind) {
        if case .event(let event) = message { return self.write(event, as: kind) }
        switch kind {
        case .raw: preconditionFailure("a raw stream holds payloads only")
        case .enveloped: self.writeFrame(message)
        case .eventStream, .rawEventStream: self.writeStreamEvent(message) { $0.writeJSON(message) }
        }
    }
}

/// The event stream of https://html.spec.whatwg.org/multipage/server-sent-events.html.
extension ByteBuffer {
    /// Writes one server-sent event. Its id is the message's, so that a browser comes back with it.
    /// - Parameter writeData: writes the lines of its data, without what ends the last one.
    private mutating func writeStreamEvent(_ message: WireMessage, _ writeData: (inout ByteBuffer) -> Void) {
        switch message {
        // What answers a WebSocket's client is never written here.
        case .event, .subscribed, .unsubscribed, .refused: break
        case .gap: self.writeStaticString("event: gap\n")
        case .live: self.writeStaticString("event: live\n")
        }
        self.writeStaticString("id: ")
        self.writeJSONNumber(message.id.rawValue)
        self.writeStaticString("\ndata: ")
        writeData(&self)
        self.writeStaticString("\n\n")
    }

    /// Writes text as lines of data. Whichever way a line ends in it, readers take it for a line feed.
    private mutating func writeStreamData(_ text: ArraySlice<UInt8>) {
        var rest = text
        while let end = rest.firstIndex(where: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) {
            self.writeBytes(rest[..<end])
            self.writeStaticString("\ndata: ")
            let isPair = rest[end...].starts(with: "\r\n".utf8)
            rest = rest[(end + (isPair ? 2 : 1))...]
        }
        self.writeBytes(rest)
    }

    /// Writes a line that readers pass over.
    package mutating func writeStreamComment(_ text: String = "") {
        self.writeString(text.isEmpty ? ":\n\n" : ": \(text)\n\n")
    }

    /// Writes how long a reader waits before it comes back.
    package mutating func writeStreamRetry(milliseconds: Int) {
        self.writeString("retry: \(milliseconds)\n\n")
    }
}
