import NIOCore

/// What has come and was not taken yet, and the two places that follow from it: what to come back with after a lost
/// connection, and what was handled.
package struct MessageQueue {
    private enum Content {
        case message(Message)
        /// Of an answer, or of a type that is not known: nothing to hand out, but a place.
        case place(Int64)
    }

    private struct Entry {
        let content: Content
        let bytes: Int
    }

    /// From one of these on, the socket is not read.
    package struct Limits: Sendable {
        /// A second's worth of a busy channel, and several reads of a socket.
        package var messages = 1024
        /// Sixteen reads of a socket, and one message of the longest.
        package var bytes = 1 << 20
        /// Beyond it nothing is taken any more. What was in the system's buffer when the connection ended comes all at
        /// once, whether it is read or not, and so does what precedes an answer that is waited for: as much as a TCP
        /// connection commonly holds (6 MB), and some.
        package var mostBytes = 8 << 20
        /// What an entry takes beside its text.
        package var bytesOfEntry = 128

        package init() {}
    }

    private let limits: Limits
    private var entries = CircularBuffer<Entry>()
    package private(set) var bytes = 0
    /// After everything that was received.
    package private(set) var received: Cursor
    /// After everything that was handled: handed out, and followed by the next question.
    package private(set) var handled: Cursor
    /// Handed out last, and maybe not handled yet.
    private var handedOut: Message?
    /// After the first that was received.
    private var first: Cursor?

    package init(from start: Cursor, limits: Limits = Limits()) {
        self.received = start
        self.handled = start
        self.limits = limits
    }

    package var count: Int { self.entries.count }

    /// Whether the socket has to wait.
    package var isFull: Bool { self.entries.count >= self.limits.messages || self.bytes >= self.limits.bytes }

    /// Whether there is room enough for reading to be worth it again.
    package var hasRoom: Bool { self.entries.count <= self.limits.messages / 2 && self.bytes <= self.limits.bytes / 2 }

    /// - Parameter bytes: of its text.
    /// - Returns: whether it was taken.
    package mutating func put(_ message: Message, bytes: Int) -> Bool {
        let bytes = bytes + self.limits.bytesOfEntry
        guard self.bytes + bytes <= self.limits.mostBytes else { return false }
        self.append(.message(message), bytes)
        self.received.pass(message)
        self.first = self.first ?? self.received
        return true
    }

    /// Always taken: of several in a row the last one is kept, so there are no more of them than messages, and one.
    package mutating func put(place id: Int64) {
        if let last = self.entries.last, case .place = last.content {
            self.bytes -= last.bytes
            self.entries.removeLast()
        }
        self.append(.place(id), self.limits.bytesOfEntry)
        self.received.position = .after(id)
        self.first = self.first ?? self.received
    }

    private mutating func append(_ content: Content, _ bytes: Int) {
        self.entries.append(Entry(content: content, bytes: bytes))
        self.bytes += bytes
    }

    /// The next message, nil while there is none. What was handed out before is handled with this question.
    package mutating func next() -> Message? {
        if let message = self.handedOut { self.handled.pass(message) }
        self.handedOut = nil
        while let entry = self.entries.popFirst() {
            self.bytes -= entry.bytes
            switch entry.content {
            case .place(let id): self.handled.position = .after(id)
            case .message(let message):
                self.handedOut = message
                return message
            }
        }
        return nil
    }

    /// What was not handed out is to come again. Where nothing was, and it all began with `latest`, it comes after the first
    /// that was received: `latest` is a later place by now.
    package mutating func forget() {
        self.entries.removeAll()
        self.bytes = 0
        if let message = self.handedOut {
            self.received = self.handled
            self.received.pass(message)
        } else if self.handled.position == .latest, let first = self.first {
            self.received = first
        } else {
            self.received = self.handled
        }
    }
}
