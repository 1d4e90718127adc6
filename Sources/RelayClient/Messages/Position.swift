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

    /// The one rule: the id of the last message, whatever its type.
    package mutating func pass(_ message: Message) {
        self.position = .after(message.id)
        if case .live(let live) = message { self.log = live.log }
    }
}
