package import NIOCore
package import RelayCore

/// A page of the log as ready frames, for all subscribers of the same channels and kind whose cursors lie in it.
package struct ReplayPage: Sendable {
    /// It was read for this cursor.
    package let after: EventID
    /// The cursor behind it.
    package let through: EventID
    /// More was asked for than it holds.
    package let hasMore: Bool
    /// For a cursor from here on it holds all that the log has, up to its end.
    private let holdsAfter: EventID
    /// Gaps that a raw stream can't carry.
    private let losses: [EventID]
    package let isDamaged: Bool
    private let frames: EncodedFrames

    /// - Parameter channel: that of subscribers who have only one.
    package init(_ page: LogPage, after: EventID, channel: ChannelName?, kind: FrameKind) {
        self.after = after
        self.through = page.next
        self.hasMore = !page.atEnd
        let gaps = page.gaps
        self.holdsAfter = gaps.filter { $0.reason == .evicted }.map { EventID($0.before.rawValue - 1) }.max() ?? after
        self.losses = gaps.filter(\.isLoss).map(\.id)
        self.isDamaged = gaps.contains { $0.reason == .damaged }
        self.frames = EncodedFrames(page.entries, channel: channel, kind: kind)
    }

    /// About the memory that it takes.
    package var bytes: Int { self.frames.bytes }

    /// Whether it is what the log would give for this cursor, as far as it can be read up to `readable`.
    ///
    /// What it says of what was evicted, and what it doesn't say to a cursor that has seen nothing, depends on the cursor
    /// it was read for. What follows doesn't.
    package func serves(_ cursor: EventID, through readable: EventID) -> Bool {
        // A gap can't be cut: not one at its beginning, nor one for what is damaged, which reaches to its end.
        if cursor == self.after { return self.holdsAfter <= readable && (!self.isDamaged || self.through <= readable) }
        return self.after > .zero && self.holdsAfter <= cursor && cursor < self.through && !self.isDamaged
    }

    /// The same, when events up to `evictedThrough` may be gone from the log by now: it doesn't give them either.
    package func serves(_ cursor: EventID, through readable: EventID, evictedThrough: EventID) -> Bool {
        self.serves(cursor, through: readable) && max(cursor, self.holdsAfter) >= evictedThrough
    }

    /// Whether it goes on where a page ends at its beginning. One that begins among what was evicted doesn't: all of that
    /// is one gap.
    package func continues(_ evictedThrough: EventID) -> Bool {
        self.holdsAfter == self.after && self.after >= evictedThrough
    }

    package func hasLoss(after: EventID, through: EventID) -> Bool {
        self.losses.contains { (after < $0 || after == self.after) && $0 <= through }
    }

    func counts(after: EventID, through: EventID) -> (events: Int, gaps: [Gap.Reason]) {
        self.frames.counts(after: self.beginning(after), through: through)
    }

    package func frames(after: EventID, through: EventID) -> ByteBuffer {
        self.frames.between(self.beginning(after), through)
    }

    /// Where a cursor begins; nil for the one it was read for, who is told the gaps that stand at the cursor itself.
    private func beginning(_ cursor: EventID) -> EventID? {
        cursor == self.after ? nil : cursor
    }
}

extension LogPage {
    /// There are few, if any.
    fileprivate var gaps: [Gap] {
        self.entries.compactMap { if case .gap(let gap) = $0 { gap } else { nil } }
    }
}

extension Gap {
    /// Events that were in the log's care and that the subscriber was too late for.
    fileprivate var isLoss: Bool {
        switch self.reason {
        case .evicted, .unlogged, .damaged: true
        case .disconnected, .restarted, .unrecorded, .ahead, .replaced: false
        }
    }
}
