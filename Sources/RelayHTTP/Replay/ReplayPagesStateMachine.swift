package import NIOCore
package import RelayCore

/// Who waits for which page of the log, and which pages are kept for those who come next.
///
/// Subscribers that replay the same range read it once, wherever in it each of them begins. Of each stream at most one
/// page is being read at a time. Who finds no page waits; a page that arrives serves everybody whose cursor lies in it,
/// and the next is read for the next cursor above, from the top on for the lowest, like a lift. So nobody waits for
/// longer than all others of the stream take, and a storm of reconnects reads its range about once.
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

    /// A page to be read from the log; `pageRead` or `readFailed` is to follow.
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
        /// No more than clients.
        var waiting: [Waiting] = []

        var isIdle: Bool { self.pages.isEmpty && self.reading == nil && self.waiting.isEmpty }

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

    /// Somebody who reads fast took a page: the next one is read while this one is being sent, if nothing else is to do.
    package mutating func taken(_ page: ReplayPage, of stream: Stream, _ range: ReadableRange) -> Read? {
        guard page.hasMore, page.through < range.through else { return nil }
        let state = self.streams[stream, default: StreamState()]
        guard state.reading == nil, state.page(for: page.through, range) == nil else { return nil }
        return self.read(stream, after: page.through, range)
    }

    // MARK: - The log

    /// - Returns: whom the page serves, and what to read next.
    package mutating func pageRead(
        _ page: ReplayPage,
        of stream: Stream,
        at now: NIODeadline
    ) -> (served: [Waiter], next: Read?) {
        var served: [Waiter] = []
        self.streams[stream]?.reading = nil
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
        let above = state.waiting.filter { $0.cursor >= place }
        guard let next = (above.isEmpty ? state.waiting : above).min(by: { $0.cursor < $1.cursor }) else { return nil }
        return self.read(stream, after: next.cursor, next.range)
    }

    /// Up to where a page is there already.
    private mutating func read(_ stream: Stream, after: EventID, _ range: ReadableRange) -> Read {
        self.streams[stream, default: StreamState()].reading = after
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
