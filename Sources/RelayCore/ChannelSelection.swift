/// Which channels a subscriber wants: those that it names, and those among the recorded ones that a pattern matches.
///
/// A channel that is recorded later belongs to it from its first event on, if a pattern matches it.
package struct ChannelSelection: Hashable, Sendable {
    /// What one connection may name, patterns included: each is read side by side with the others in a replay.
    package static let maximumChannels = 100
    /// Of these, patterns: each is compared with all channels of each batch.
    package static let maximumPatterns = 10

    /// Each once, by its bytes.
    package private(set) var names: [ChannelName]
    /// Each once, by its bytes.
    package private(set) var patterns: [ChannelGlob]
    /// What patterns may find: one glob of each of these lists has to match, too.
    private var within: [[ChannelGlob]]

    package init(_ names: some Sequence<ChannelName>, patterns: [ChannelGlob] = [], within: [[ChannelGlob]] = []) {
        self.names = Set(names).sorted()
        self.patterns = Set(patterns).sorted { $0.pattern.utf8.lexicographicallyPrecedes($1.pattern.utf8) }
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

    /// Whether a connection may have so much.
    package var isWithinLimits: Bool {
        self.names.count + self.patterns.count <= Self.maximumChannels && self.patterns.count <= Self.maximumPatterns
    }

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

    package mutating func remove(_ names: Set<ChannelName>, _ patterns: Set<ChannelGlob>) {
        self.names.removeAll { names.contains($0) }
        self.patterns.removeAll { patterns.contains($0) }
        if self.patterns.isEmpty { self.within = [] }
    }
}

extension ChannelSelection: CustomStringConvertible {
    /// For people.
    package var description: String {
        self.texts.joined(separator: ", ")
    }
}
