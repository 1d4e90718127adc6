package import NIOCore
package import RelayCore

/// Who waits for which page of the log, and which pages are kept for those who come next.
///
/// Subscribers that replay the same range read it once, wherever in it each of them begins. Of each stream at most one
/// page is being read at a time. Who finds no page waits; a page that arrives serves everybody whose cursor lies in it,
/// and the next is read for the next cursor above, from the top on for the lowest, like a lift. So nobody waits for
/// longer than all others of the stream take, and a storm of reconnects reads its range about once.
///
/// Rows are read by one thread and made frames by others, so the next ones are read while `maximumEncoding` pages become
/// frames. Who reads fast has two pages read ahead, without which the two would take turns.
///
/// What the log holds up to an id never changes but by eviction, so a page stays right until then.
package struct ReplayPagesStateMachine<Waiter> {
    package struct Stream: Hashable, Sendable {
        package let selection: ChannelSelection
        package let kind: FrameKind

        package init(_ selection: ChannelSelection, kind: FrameKind) {
            self.selection = selection
            self.kind = kind
        }
    }

    /// What of the log can be read, as an event loop knows it.
    package struct ReadableRange: Sendable {
        /// Events up to this id may be gone.
        package let evictedThrough: EventID
        package let through: EventID

        package init(evictedThrough: EventID, through: EventID) {
            self.evictedThrough = evictedThrough
            self.through = through
        }
    }

    /// A page to be read from the log; `pageRead`, with `rowsRead` before it, or `readFailed` is to follow.
    package struct Read: Equatable, Sendable {
        package let stream: Stream
        package let after: EventID
        package let through: EventID
    }

    private struct Waiting {
        let cursor: EventID
        let range: ReadableRange
        let waiter: Waiter
    }

    private struct StreamState {
        /// By `after`.
        var pages: [ReplayPage] = []
        var reading: EventID?
        /// Somebody who can read so much wants the page behind the one that is being read.
        var ahead: ReadableRange?
        /// Pages that become frames.
        var encoding: [Rows] = []
        /// No more than clients.
        var waiting: [Waiting] = []

        var isIdle: Bool {
            self.pages.isEmpty && self.reading == nil && self.encoding.isEmpty && self.waiting.isEmpty
        }

        /// The place of the first page that begins after `id`.
        func place(after id: EventID) -> Int {
            self.pages.place { $0.after > id }
        }

        func page(for cursor: EventID, _ range: ReadableRange) -> ReplayPage? {
            let place = self.place(after: cursor)
            guard place > 0 else { return nil }
            let page = self.pages[place - 1]
            let isRight = page.serves(cursor, through: range.through, evictedThrough: range.evictedThrough)
            return isRight ? page : nil
        }
    }

    /// Of a page.
    private struct Rows {
        let after: EventID
        let through: EventID
        let hasMore: Bool

        func contains(_ cursor: EventID) -> Bool { self.after <= cursor && cursor < self.through }
    }

    private struct Kept {
        let stream: Stream
        let after: EventID
        let bytes: Int
        let until: NIODeadline
    }

    private var streams: [Stream: StreamState] = [:]
    /// The pages of all streams, oldest first.
    private var kept = Queue<Kept>()
    private var keptBytes = 0
    private let capacity: Int
    private let lifetime: TimeAmount

    /// As many as one thread reads while they become frames: each waits as rows, which are as large.
    private static var maximumEncoding: Int { 2 }
    /// What a page costs beside its frames.
    private static var pageOverhead: Int { 512 }

    /// - Parameters:
    ///   - capacity: bytes of pages that are kept.
    ///   - lifetime: how long a page is kept.
    package init(capacity: Int, lifetime: TimeAmount) {
        self.capacity = capacity
        self.lifetime = lifetime
    }

    // MARK: - Subscribers

    /// The page that is kept for a cursor.
    package func page(of stream: Stream, after cursor: EventID, _ range: ReadableRange) -> ReplayPage? {
        self.streams[stream]?.page(for: cursor, range)
    }

    /// Somebody found no page.
    package mutating func wait(
        for stream: Stream,
        after cursor: EventID,
        _ range: ReadableRange,
        _ waiter: Waiter
    ) -> Read? {
        self.streams[stream, default: StreamState()].waiting.append(
            Waiting(cursor: cursor, range: range, waiter: waiter)
        )
        return self.nextRead(of: stream, from: cursor)
    }

    /// Somebody who reads fast took a page: the next two are read while this one is being sent, if nothing else is to do.
    package mutating func taken(_ page: ReplayPage, of stream: Stream, _ range: ReadableRange) -> Read? {
        guard page.hasMore, let end = self.endOfNext(after: page.through, of: stream, range) else { return nil }
        let state = self.streams[stream, default: StreamState()]
        guard state.reading == nil else {
            // When its rows are there, the page behind it is next.
            if state.reading == page.through { self.streams[stream]?.ahead = range }
            return nil
        }
        guard end < range.through, state.page(for: end, range) == nil,
            !state.encoding.contains(where: { $0.contains(end) })
        else { return nil }
        return self.read(stream, after: end, range, ahead: end == page.through ? range : nil)
    }

    /// Where the page behind a place ends, as far as that is known; else the place itself.
    /// - Returns: nil where nothing is behind it.
    private func endOfNext(after place: EventID, of stream: Stream, _ range: ReadableRange) -> EventID? {
        guard place < range.through else { return nil }
        guard let state = self.streams[stream] else { return place }
        if let rows = state.encoding.first(where: { $0.after == place }) { return rows.hasMore ? rows.through : nil }
        guard let page = state.page(for: place, range) else { return place }
        return page.hasMore ? page.through : nil
    }

    // MARK: - The log

    /// The rows of a page are there; it becomes frames now.
    /// - Returns: what to read meanwhile.
    package mutating func rowsRead(
        after: EventID,
        through end: EventID,
        hasMore: Bool,
        of stream: Stream
    ) -> Read? {
        guard let state = self.streams[stream], state.reading == after,
            state.encoding.count < Self.maximumEncoding
        else { return nil }
        self.streams[stream]?.encoding.append(Rows(after: after, through: end, hasMore: hasMore))
        self.streams[stream]?.reading = nil
        // Whoever waits elsewhere goes before.
        if let next = self.nextRead(of: stream, from: end) { return next }
        guard let range = state.ahead, hasMore, end < range.through, state.page(for: end, range) == nil,
            !state.encoding.contains(where: { $0.contains(end) })
        else { return nil }
        return self.read(stream, after: end, range)
    }

    /// - Returns: whom the page serves, and what to read next.
    package mutating func pageRead(
        _ page: ReplayPage,
        of stream: Stream,
        at now: NIODeadline
    ) -> (served: [Waiter], next: Read?) {
        var served: [Waiter] = []
        if let index = self.streams[stream]?.encoding.firstIndex(where: { $0.after == page.after }) {
            self.streams[stream]?.encoding.remove(at: index)
        } else {
            self.streams[stream]?.reading = nil
        }
        self.streams[stream]?.waiting.removeAll {
            guard page.serves($0.cursor, through: $0.range.through) else { return false }
            served.append($0.waiter)
            return true
        }
        if !page.isDamaged { self.keep(page, of: stream, at: now) }
        let next = self.nextRead(of: stream, from: page.through)
        self.forgetIfIdle(stream)
        return (served, next)
    }

    /// - Returns: who waited for just this, and what to read next.
    package mutating func readFailed(of stream: Stream) -> (failed: [Waiter], next: Read?) {
        guard let after = self.streams[stream]?.reading else { return ([], nil) }
        var failed: [Waiter] = []
        self.streams[stream]?.reading = nil
        self.streams[stream]?.waiting.removeAll {
            if $0.cursor == after { failed.append($0.waiter) }
            return $0.cursor == after
        }
        let next = self.nextRead(of: stream, from: after)
        self.forgetIfIdle(stream)
        return (failed, next)
    }

    private mutating func nextRead(of stream: Stream, from place: EventID) -> Read? {
        guard let state = self.streams[stream], state.reading == nil else { return nil }
        // Whoever lies within a page that becomes frames is served by it, or looked after then.
        let waiting = state.waiting.filter { waiting in
            !state.encoding.contains { $0.contains(waiting.cursor) }
        }
        let above = waiting.filter { $0.cursor >= place }
        guard let next = (above.isEmpty ? waiting : above).min(by: { $0.cursor < $1.cursor }) else { return nil }
        return self.read(stream, after: next.cursor, next.range)
    }

    /// Up to where a page is there already.
    /// - Parameter ahead: of somebody who wants the page behind it, too.
    private mutating func read(
        _ stream: Stream,
        after: EventID,
        _ range: ReadableRange,
        ahead: ReadableRange? = nil
    ) -> Read {
        self.streams[stream, default: StreamState()].reading = after
        self.streams[stream]?.ahead = ahead
        let next = self.streams[stream]?.pages.first { after < $0.after && $0.continues(range.evictedThrough) }
        return Read(stream: stream, after: after, through: min(range.through, next?.after ?? range.through))
    }

    // MARK: - What is kept

    private mutating func keep(_ page: ReplayPage, of stream: Stream, at now: NIODeadline) {
        let place = self.streams[stream, default: StreamState()].place(after: page.after)
        if place > 0, self.streams[stream]?.pages[place - 1].after == page.after {
            // Its beginning was evicted meanwhile, and it was read again. It goes with the one that it replaces.
            self.streams[stream]?.pages[place - 1] = page
        } else {
            self.streams[stream]?.pages.insert(page, at: place)
            let bytes = page.bytes + Self.pageOverhead
            self.kept.append(Kept(stream: stream, after: page.after, bytes: bytes, until: now + self.lifetime))
            self.keptBytes += bytes
        }
        self.expire(at: now)
    }

    /// Lets go of what is too old or too much. To be called each second while anybody is connected.
    package mutating func expire(at now: NIODeadline) {
        while let oldest = self.kept.first, self.keptBytes > self.capacity || oldest.until <= now {
            self.kept.popFirst()
            self.keptBytes -= oldest.bytes
            if let place = self.streams[oldest.stream]?.place(after: oldest.after), place > 0,
                self.streams[oldest.stream]?.pages[place - 1].after == oldest.after
            {
                self.streams[oldest.stream]?.pages.remove(at: place - 1)
            }
            self.forgetIfIdle(oldest.stream)
        }
    }

    private mutating func forgetIfIdle(_ stream: Stream) {
        if self.streams[stream]?.isIdle == true { self.streams[stream] = nil }
    }
}
