/// One subscriber's way along the log.
///
/// A subscriber is a cursor. It *replays* until it has seen all that its event loop has fanned out, then it is *live*
/// and gets batches as they come. When its socket is full it is *lagging*: nothing is queued for it; once it reads
/// again it goes on from its cursor exactly as in a replay. So resume and slow client are one mechanism.
///
/// It lives on one event loop, as does the hub's state whose positions it is given, so no batch can come between a
/// question and its answer.
package struct SubscriberStateMachine: Sendable {
    private enum State {
        /// On its way to the head for the first time. Becomes `live` or `closed`.
        case replaying(cursor: EventID, Waiting)
        /// Everything that the loop has fanned out was sent. Becomes `lagging` or `closed`.
        case live
        /// On its way to the head again. Becomes `live` or `closed`.
        case lagging(cursor: EventID, Waiting)
        case closed
    }

    /// What has to happen before the next step.
    private enum Waiting {
        case nothing
        /// A page of the log is being read.
        case page
        /// The socket's buffer is full.
        case writability
    }

    private var state: State

    /// A subscriber that has seen everything up to `cursor`. `proceed` is its first step.
    package init(cursor: EventID) {
        self.state = .replaying(cursor: cursor, .nothing)
    }

    package enum Phase: String, Sendable, CaseIterable {
        case replaying, live, lagging, closed
    }

    package var phase: Phase {
        switch self.state {
        case .replaying: .replaying
        case .live: .live
        case .lagging: .lagging
        case .closed: .closed
        }
    }

    /// What it has seen; nil where that is all that its loop has fanned out, and at the end.
    package var cursor: EventID? {
        switch self.state {
        case .replaying(let cursor, _), .lagging(let cursor, _): cursor
        case .live, .closed: nil
        }
    }

    package enum ProceedAction: Equatable {
        /// Something else has to happen first; it will call again.
        case none
        /// Send the next batch of the tail after this id, report `sent`, and call `proceed` again.
        case sendTail(after: EventID)
        /// Read a page of the log after this id and report `pageRead`.
        case readPage(after: EventID)
        /// Tell it that what lies between is lost, report `sent`, and call `proceed` again.
        case tellLost(after: EventID, through: EventID)
        /// Add it to those that get batches, and tell it so if it is to be told.
        case goLive(isFirstTime: Bool)
    }

    /// The next step towards the head.
    /// - Parameter position: where the hub of this loop sees a cursor.
    package mutating func proceed(
        isWritable: Bool,
        position: (EventID) -> HubPosition
    ) -> ProceedAction {
        let cursor: EventID
        let isFirstTime: Bool
        switch self.state {
        case .replaying(let at, .nothing): (cursor, isFirstTime) = (at, true)
        case .lagging(let at, .nothing): (cursor, isFirstTime) = (at, false)
        case .replaying, .lagging, .closed: return .none
        case .live: preconditionFailure("a live subscriber has nowhere to proceed to")
        }
        func wait(for waiting: Waiting) -> State {
            isFirstTime ? .replaying(cursor: cursor, waiting) : .lagging(cursor: cursor, waiting)
        }
        guard isWritable else {
            self.state = wait(for: .writability)
            return .none
        }
        switch position(cursor) {
        case .atHead:
            self.state = .live
            return .goLive(isFirstTime: isFirstTime)
        case .inTail:
            return .sendTail(after: cursor)
        case .belowTail:
            self.state = wait(for: .page)
            return .readPage(after: cursor)
        case .lost(let through):
            return .tellLost(after: cursor, through: through)
        }
    }

    /// Entries up to `last` were handed to the socket.
    package mutating func sent(through last: EventID) {
        switch self.state {
        case .replaying(let cursor, .nothing):
            precondition(last > cursor, "a cursor only grows")
            self.state = .replaying(cursor: last, .nothing)
        case .lagging(let cursor, .nothing):
            precondition(last > cursor, "a cursor only grows")
            self.state = .lagging(cursor: last, .nothing)
        case .closed: break
        case .replaying, .lagging, .live: preconditionFailure("sent to a subscriber that waits or is live")
        }
    }

    /// A page asked for by `readPage` is there.
    /// - Returns: whether it is still wanted: the peer may leave while a page is on its way. If so, send it, report
    ///   `sent`, and call `proceed`.
    package mutating func pageRead() -> Bool {
        switch self.state {
        case .replaying(let cursor, .page):
            self.state = .replaying(cursor: cursor, .nothing)
            return true
        case .lagging(let cursor, .page):
            self.state = .lagging(cursor: cursor, .nothing)
            return true
        case .closed: return false
        case .replaying, .lagging, .live: preconditionFailure("a page that nobody asked for")
        }
    }

    package enum FanOutAction: Equatable {
        case send
        /// Take it from those that get batches: it lags.
        case stop
    }

    /// A batch is fanned out while this subscriber is live.
    /// - Parameter previousHead: the newest id fanned out before it.
    package mutating func batchFannedOut(after previousHead: EventID, isWritable: Bool) -> FanOutAction {
        guard case .live = self.state else { preconditionFailure("a batch for a subscriber that is not live") }
        if isWritable { return .send }
        self.state = .lagging(cursor: previousHead, .writability)
        return .stop
    }

    /// The socket takes data again.
    /// - Returns: whether to call `proceed`.
    package mutating func becameWritable() -> Bool {
        switch self.state {
        case .replaying(let cursor, .writability):
            self.state = .replaying(cursor: cursor, .nothing)
            return true
        case .lagging(let cursor, .writability):
            self.state = .lagging(cursor: cursor, .nothing)
            return true
        case .replaying, .lagging, .live, .closed: return false
        }
    }

    /// The connection is over, whoever ended it.
    /// - Returns: whether it was live, so that it has to be taken from those that get batches.
    package mutating func closed() -> Bool {
        defer { self.state = .closed }
        if case .live = self.state { return true }
        return false
    }
}
