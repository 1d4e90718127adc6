/// What a relay tells on a connection. All but the type is the relay's own
/// (docs/protocol.md of pg_eventrelay has every field).
public enum Message: Sendable, Hashable {
    case event(Event)
    case gap(Gap)
    case live(Live)

    /// Its place in the log: what to come back with after it, whatever its type. It may be smaller than that of the
    /// message before, after a gap of reason `ahead` or `replaced`.
    public var id: Int64 {
        switch self {
        case .event(let event): event.id
        case .gap(let gap): gap.id
        case .live(let live): live.id
        }
    }
}

/// One notification, stored with an id.
public struct Event: Sendable, Hashable {
    public let id: Int64
    public let channel: String
    /// When the relay stored it: RFC 3339, UTC, six digits of a second.
    public let time: String
    /// As PostgreSQL gave it, `""` if there was none. Bytes that are not UTF-8 are U+FFFD here.
    public let payload: String

    /// Only where the payload is not UTF-8.
    private let bytes: [UInt8]?

    /// - Parameter bytes: the payload's bytes, if they are not UTF-8.
    public init(id: Int64, channel: String, time: String, payload: String, bytes: [UInt8]? = nil) {
        self.id = id
        self.channel = channel
        self.time = time
        self.payload = payload
        self.bytes = bytes
    }

    /// The payload byte for byte, also where it is not UTF-8.
    public var payloadBytes: [UInt8] { self.bytes ?? Array(self.payload.utf8) }
}

/// Events with ids strictly between `after` and `before` may be missing: load the state again.
public struct Gap: Sendable, Hashable {
    public let id: Int64
    /// Nil where it concerns all channels of a connection that has several.
    public let channel: String?
    public let after: Int64
    public let before: Int64
    /// How many events are missing, where that is known.
    public let lost: Int64?
    public let reason: Reason

    public init(id: Int64, channel: String?, after: Int64, before: Int64, lost: Int64?, reason: Reason) {
        self.id = id
        self.channel = channel
        self.after = after
        self.before = before
        self.lost = lost
        self.reason = reason
    }

    /// Why events may be missing. A newer relay may give reasons that have no name here.
    public struct Reason: Sendable, Hashable, RawRepresentable, CustomStringConvertible {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        public var description: String { self.rawValue }

        /// Older than the log keeps.
        public static let evicted = Self(rawValue: "evicted")
        /// PostgreSQL was away.
        public static let disconnected = Self(rawValue: "disconnected")
        /// The relay was away.
        public static let restarted = Self(rawValue: "restarted")
        /// The channel was not being recorded.
        public static let unrecorded = Self(rawValue: "unrecorded")
        /// The log could not be written.
        public static let unlogged = Self(rawValue: "unlogged")
        /// The log's file can't be read there.
        public static let damaged = Self(rawValue: "damaged")
        /// The position is newer than any id of this log.
        public static let ahead = Self(rawValue: "ahead")
        /// The position is from another log.
        public static let replaced = Self(rawValue: "replaced")
    }
}

/// Everything retained has come; what follows comes as it happens. Once for each connection to the relay, so again after
/// each that was lost.
public struct Live: Sendable, Hashable {
    /// The newest id of the log at that moment.
    public let id: Int64
    /// The log's name.
    public let log: String

    public init(id: Int64, log: String) {
        self.id = id
        self.log = log
    }
}
