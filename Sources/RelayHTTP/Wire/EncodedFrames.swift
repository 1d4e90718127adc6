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
        _ entries: some Collection<LogEntry>,
        channel: ChannelName,
        kind: FrameKind
    ) {
        var buffer = ByteBuffer()
        // What they are likely to take, so that the buffer is not moved again and again.
        buffer.reserveCapacity(entries.reduce(0) { $0 + $1.likelyFrameBytes })
        self.frames.reserveCapacity(entries.count)
        for entry in entries {
            switch (kind, entry) {
            case (.raw, .event(let event)): buffer.writeWebSocketFrame(.text, event.payload.repaired)
            case (.raw, .gap): continue
            case (.enveloped, _): buffer.writeFrame(WireMessage(entry, channel: channel))
            }
            self.frames.append((entry.id, buffer.writerIndex))
        }
        // Room was made for the longest that each could have become. These may be kept for long.
        buffer.shrinkBufferCapacity(to: buffer.readableBytes)
        self.buffer = buffer
    }

    private init() {
        self.buffer = ByteBuffer()
    }

    package static let none = EncodedFrames()

    package var isEmpty: Bool { self.frames.isEmpty }

    /// About the memory that they take.
    var bytes: Int { self.buffer.storageCapacity + self.frames.capacity * MemoryLayout<(EventID, Int)>.stride }

    /// The frames of entries after `id`, sharing the same bytes.
    package func after(_ id: EventID) -> ByteBuffer {
        self.slice(from: self.end(through: id), to: self.buffer.writerIndex)
    }

    /// The frames of entries with ids in `after < id ≤ through`, sharing the same bytes.
    func between(_ after: EventID, _ through: EventID) -> ByteBuffer {
        self.slice(from: self.end(through: after), to: self.end(through: through))
    }

    /// Where the frames of entries up to `id` end.
    private func end(through id: EventID) -> Int {
        let place = self.frames.place { $0.id > id }
        return place == 0 ? 0 : self.frames[place - 1].end
    }

    private func slice(from start: Int, to end: Int) -> ByteBuffer {
        self.buffer.getSlice(at: start, length: end - start) ?? ByteBuffer()
    }
}

extension LogEntry {
    /// With few bytes to escape.
    fileprivate var likelyFrameBytes: Int {
        let envelope = 160
        switch self {
        case .event(let event): return envelope + event.payload.bytes.count * 9 / 8
        case .gap: return envelope
        }
    }
}
