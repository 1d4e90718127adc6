/// A pattern for channel names: `*` stands for any run of characters, also none, `?` for exactly one; everything else
/// for itself. "Character" is a Unicode scalar.
package struct ChannelGlob: Hashable, Sendable {
    /// The pattern. Two are the same when these are: Swift's String takes texts for the same that are different names.
    private let scalars: [Unicode.Scalar]

    package init(_ pattern: String) {
        self.scalars = Array(pattern.unicodeScalars)
    }

    package var pattern: String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: self.scalars)
        return String(text)
    }

    /// The one channel that a pattern without wildcards names; nil for other patterns and impossible names.
    package var literal: ChannelName? {
        self.scalars.contains(where: { $0 == "*" || $0 == "?" }) ? nil : try? ChannelName(self.pattern)
    }

    /// Linear in the name for each `*`: only the last `*` seen is ever tried again.
    package func matches(_ name: ChannelName) -> Bool {
        let pattern = self.scalars
        let text = name.text.unicodeScalars
        var position = text.startIndex
        var place = 0
        var lastStar: (place: Int, position: String.UnicodeScalarView.Index)?
        while position < text.endIndex {
            if place < pattern.count, pattern[place] == "*" {
                lastStar = (place, position)
                place += 1
            } else if place < pattern.count, pattern[place] == "?" || pattern[place] == text[position] {
                place += 1
                position = text.index(after: position)
            } else if let star = lastStar {
                place = star.place + 1
                position = text.index(after: star.position)
                lastStar = (star.place, position)
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == "*" }
    }
}
