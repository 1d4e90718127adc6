/// Where a connection begins, or goes on: as text, `latest` or the id, to be saved and read again.
public enum Position: Sendable, Hashable, LosslessStringConvertible {
    /// Nothing from the past.
    case latest
    /// Everything retained with a greater id; 0: all that is retained.
    case after(Int64)

    /// All that is retained.
    public static let beginning = Self.after(0)

    /// Ids are whole numbers below it, so that a JavaScript number holds them.
    package static let idLimit: Int64 = 1 << 53

    /// - Returns: nil for anything but `latest` and a decimal number from 0 to 2^53 - 1.
    public init?(_ description: String) {
        if description == "latest" {
            self = .latest
        } else if let id = Int64(description), (0..<Self.idLimit).contains(id) {
            self = .after(id)
        } else {
            return nil
        }
    }

    public var description: String {
        switch self {
        case .latest: "latest"
        case .after(let id): String(id)
        }
    }
}

/// Where to go on: a position, and in which log.
package struct Cursor: Sendable, Equatable {
    package var position: Position
    package var log: String?

    package init(position: Position, log: String? = nil) {
        self.position = position
        self.log = log
    }

    /// As long as the relay takes it.
    package static let maximumLogBytes = 64

    /// - Throws: for what the relay would refuse, at each connection anew.
    package func check() throws(InvalidArgument) {
        if case .after(let id) = self.position, !(0..<Position.idLimit).contains(id) {
            throw InvalidArgument("a position is an id from 0 to 2^53 - 1, not \(id)")
        }
        if let log, !(1...Self.maximumLogBytes).contains(log.utf8.count) {
            throw InvalidArgument("a log's name has 1 to \(Self.maximumLogBytes) bytes, not \(log.utf8.count)")
        }
    }

    /// The one rule: the id of the last message, whatever its type.
    package mutating func pass(_ message: Message) {
        self.position = .after(message.id)
        switch message {
        case .live(let live): self.log = live.log
        // The id is one of the new log, whose name comes with `live`.
        case .gap(let gap) where gap.reason == .replaced: self.log = nil
        case .event, .gap: break
        }
    }
}
