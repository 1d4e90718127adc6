/// Which channels a subscriber wants: those that it names, and those among the recorded ones that a pattern matches.
///
/// A channel that is recorded later belongs to it from its first event on, if a pattern matches it.
package struct ChannelSelection: Hashable, Sendable {
    /// What one connection may name, patterns included: each of them is looked up in each batch, and read side by side
    /// with the others in a replay.
    package static let maximumChannels = 100

    /// Each once, by name.
    package private(set) var names: [ChannelName]
    /// Each once, by text.
    package private(set) var patterns: [ChannelGlob]
    /// What patterns may find: one glob of each of these lists has to match, too.
    private var within: [[ChannelGlob]]

    package init(_ names: some Sequence<ChannelName>, patterns: [ChannelGlob] = [], within: [[ChannelGlob]] = []) {
        self.names = Set(names).sorted { $0.text < $1.text }
        self.patterns = Set(patterns).sorted { $0.pattern < $1.pattern }
        self.within = patterns.isEmpty ? [] : within
    }

    package init(_ name: ChannelName) {
        self.names = [name]
        self.patterns = []
        self.within = []
    }

    /// The channel, where it can only be one.
    package var only: ChannelName? {
        self.names.count == 1 && self.patterns.isEmpty ? self.names[0] : nil
    }

    package var isEmpty: Bool { self.names.isEmpty && self.patterns.isEmpty }

    /// Names and patterns.
    package var count: Int { self.names.count + self.patterns.count }

    /// Names and patterns as they are written.
    package var texts: [String] { self.names.map(\.text) + self.patterns.map(\.pattern) }

    package func contains(_ channel: ChannelName) -> Bool {
        self.names.contains(channel) || self.finds(channel)
    }

    /// Whether a pattern matches it.
    package func finds(_ channel: ChannelName) -> Bool {
        self.patterns.contains { $0.matches(channel) }
            && self.within.allSatisfy { globs in globs.contains { $0.matches(channel) } }
    }

    package mutating func remove(_ name: ChannelName) {
        self.names.removeAll { $0 == name }
    }

    package mutating func remove(_ pattern: ChannelGlob) {
        self.patterns.removeAll { $0 == pattern }
        if self.patterns.isEmpty { self.within = [] }
    }
}

extension ChannelSelection: CustomStringConvertible {
    /// For people.
    package var description: String {
        self.texts.joined(separator: ", ")
    }
}
