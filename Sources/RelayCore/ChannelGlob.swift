/// A pattern for channel names: `*` stands for any run of characters, also none, `?` for exactly one; everything else
/// for itself. "Character" is a Unicode scalar.
package struct ChannelGlob: Hashable, Sendable {
    package let pattern: String

    package init(_ pattern: String) {
        self.pattern = pattern
    }

    /// The one channel that a pattern without wildcards names; nil for other patterns and impossible names.
    package var literal: ChannelName? {
        self.pattern.contains(where: { $0 == "*" || $0 == "?" }) ? nil : try? ChannelName(self.pattern)
    }

    /// Linear in the name for each `*`: only the last `*` seen is ever tried again.
    package func matches(_ name: ChannelName) -> Bool {
        let pattern = Array(self.pattern.unicodeScalars)
        let text = Array(name.text.unicodeScalars)
        var position = 0
        var place = 0
        var lastStar: (place: Int, position: Int)?
        while position < text.count {
            if place < pattern.count, pattern[place] == "*" {
                lastStar = (place, position)
                place += 1
            } else if place < pattern.count, pattern[place] == "?" || pattern[place] == text[position] {
                place += 1
                position += 1
            } else if let star = lastStar {
                place = star.place + 1
                position = star.position + 1
                lastStar = (star.place, position)
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == "*" }
    }
}
