/// The position of an event (or of a stored gap) in the log.
///
/// An id is the time of its append in microseconds since 1970, or one more than the id before it where the clock
/// has not moved on. Ids only grow, are not contiguous, and stay below 2^53, so a JavaScript number holds them exactly.
/// A subscriber's *cursor* is the id it saw last.
package struct EventID: Hashable, Comparable, Sendable {
    package let rawValue: Int64

    package init(_ rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// Before every event: the cursor of a subscriber that has seen nothing.
    package static let zero = EventID(0)

    /// Ids are smaller than this: the first integer whose successor a JavaScript number can't tell from it.
    package static let limit = EventID(1 << 53)

    /// The greatest id that a log may begin with. Ids follow the clock, which has not come so far before the year 2112; from
    /// near `limit` on there would soon be none left.
    package static let latestPlausible = EventID(1 << 52)

    package static func < (left: EventID, right: EventID) -> Bool {
        left.rawValue < right.rawValue
    }

    package var next: EventID { EventID(self.rawValue + 1) }

    /// Parses what a client sends: decimal digits only, 0 ≤ id < 2^53. Anything else is nil.
    package init?(decimal text: String) {
        guard !text.isEmpty, text.utf8.count <= 16,
            text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
            let value = Int64(text), value < Self.limit.rawValue
        else { return nil }
        self.rawValue = value
    }
}

extension EventID: CustomStringConvertible {
    package var description: String { String(self.rawValue) }
}
