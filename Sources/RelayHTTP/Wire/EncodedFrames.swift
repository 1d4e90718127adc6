package import NIOCore
package import RelayCore

/// Entries as ready frames of a WebSocket or an event stream, oldest first.
package struct EncodedFrames: Sendable {
    /// All frames, one after the other.
    package private(set) var buffer: ByteBuffer
    private var frames: [(id: EventID, end: Int)] = []
    /// Those among them that tell of gaps.
    package private(set) var gaps: [(id: EventID, reason: Gap.Reason)] = []

    /// - Parameter channel: that of a subscriber who has only one.
    package init(
        _ entries: some Collection<LogEntry>,
        channel: ChannelName?,
        kind: FrameKind
    ) {
        var buffer = ByteBuffer()
        // What they are likely to take, so that the buffer is not moved again and again.
        buffer.reserveCapacity(entries.reduce(0) { $0 + $1.likelyFrameBytes })
        self.frames.reserveCapacity(entries.count)
        for entry in entries {
            switch entry {
            case .event(let event):
                buffer.write(event, as: kind)
            case .gap(let gap):
                if !kind.tellsPosition { continue }
                self.gaps.append((gap.id, gap.reason))
                buffer.write(WireMessage(entry, channel: channel), as: kind)
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

    var eventCount: Int { self.frames.count - self.gaps.count }

    /// How many events, and which gaps, have ids in `after < id ≤ through`; from the beginning on where `after` is nil.
    func counts(after: EventID?, through: EventID) -> (events: Int, gaps: [Gap.Reason]) {
        let after = after ?? EventID(-1)
        let frames = self.frames.place { $0.id > through } - self.frames.place { $0.id > after }
        if self.gaps.isEmpty { return (frames, []) }
        let told = self.gaps.filter { after < $0.id && $0.id <= through }.map(\.reason)
        return (frames - told.count, told)
    }

    /// The frames of entries after `id`, sharing the same bytes.
    package func after(_ id: EventID) -> ByteBuffer {
        self.slice(from: self.end(through: id), to: self.buffer.writerIndex)
    }

    /// The frames of entries with ids in `after < id ≤ through`, sharing the same bytes.
    /// - Parameter after: nil: from the beginning on.
    func between(_ after: EventID?, _ through: EventID) -> ByteBuffer {
        self.slice(from: after.map { self.end(through: $0) } ?? 0, to: self.end(through: through))
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
