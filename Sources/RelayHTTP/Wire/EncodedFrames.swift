package import NIOCore
package import RelayCore

/// What a subscriber's messages look like.
package enum FrameKind: String, Sendable, Hashable {
    /// The payload alone, as pg_eventserv sends it. Gaps can't be told.
    case raw
    /// A JSON object with id, channel and time.
    case enveloped
}

/// Entries of one channel as ready WebSocket frames, oldest first.
package struct EncodedFrames: Sendable {
    /// All frames, one after the other.
    package private(set) var buffer: ByteBuffer
    private var frames: [(id: EventID, end: Int)] = []

    package init(
        _ entries: some Sequence<LogEntry>,
        channel: ChannelName,
        kind: FrameKind
    ) {
        var buffer = ByteBuffer()
        var scratch = ByteBuffer()
        for entry in entries {
            scratch.clear()
            switch (kind, entry) {
            case (.raw, .event(let event)): scratch.writeBytes(event.payload.repaired)
            case (.raw, .gap): continue
            case (.enveloped, _): scratch.writeJSON(WireMessage(entry, channel: channel))
            }
            buffer.writeWebSocketFrame(.text, scratch.readableBytesView)
            self.frames.append((entry.id, buffer.writerIndex))
        }
        self.buffer = buffer
    }

    private init() {
        self.buffer = ByteBuffer()
    }

    package static let none = EncodedFrames()

    package var isEmpty: Bool { self.frames.isEmpty }

    /// The frames of entries after `id`, sharing the same bytes.
    package func after(_ id: EventID) -> ByteBuffer {
        guard let last = self.frames.last(where: { $0.id <= id }) else { return self.buffer }
        return self.buffer.getSlice(at: last.end, length: self.buffer.writerIndex - last.end) ?? ByteBuffer()
    }
}
