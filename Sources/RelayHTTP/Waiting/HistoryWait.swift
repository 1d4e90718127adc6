import NIOHTTP1
package import RelayCore

/// `wait` of `/history`: the page is answered when there is something on it, and no later than it says.
package struct HistoryWait: Equatable {
    /// At the most.
    package let duration: Duration

    /// In seconds. Shorter is to ask again and again; longer than a minute, and proxies give up first.
    package static let bounds: ClosedRange<Int64> = 1...60
    /// By so much an answer comes before the connection counts as idle.
    package static let idleMargin = Duration.seconds(1)

    /// - Returns: nil where it is absent.
    package init?(_ target: RequestTarget, _ query: HistoryQuery) throws(BadParameter) {
        guard let text = try target.value(of: "wait") else { return nil }
        let seconds = EventID(decimal: text.hasSuffix("s") ? String(text.dropLast()) : text)?.rawValue
        guard let seconds, Self.bounds.contains(seconds) else {
            let (least, most) = (Self.bounds.lowerBound, Self.bounds.upperBound)
            throw BadParameter(name: "wait", requirement: "must be from \(least)s to \(most)s")
        }
        guard query.after != nil, query.before == nil else {
            throw BadParameter(
                name: "wait",
                requirement: "needs 'after', the id to wait beyond, and must come without 'before'"
            )
        }
        self.duration = .seconds(seconds)
    }

    /// - Parameters:
    ///   - keepAlive: how long nothing may move on a connection.
    ///   - token: how long the bearer's token still counts; nil for ever.
    package func patience(keepAlive: Duration, token: Duration?) -> Duration {
        max(.zero, [self.duration, keepAlive - Self.idleMargin, token ?? self.duration].min() ?? .zero)
    }
}

extension HistoryHandler {
    /// Waits until something lies beyond the query's cursor, and reads it. While it waits it is a client and a subscriber:
    /// it takes a seat, and its channels are recorded.
    /// - Returns: the page, empty if nothing came, and the head of the log before it was read.
    func page(
        _ query: HistoryQuery,
        _ wait: HistoryWait,
        _ bearer: Bearer?,
        from address: ClientAddress,
        at now: ContinuousClock.Instant
    ) async throws -> (page: HistoryPage, head: EventID) {
        let (router, channels) = (self.router, query.selection.names)
        let patience = wait.patience(
            keepAlive: router.options.timeouts.keepAlive,
            token: router.access.timeLeft(of: bearer)
        )
        for channel in channels { try router.countNewChannel(channel, from: address, at: now) }
        let seat = try router.clients.take(for: address, subject: bearer?.subject)
        defer { router.clients.leave(seat) }
        let last = try await router.relay.admit(channels)
        defer { for channel in channels { router.relay.subscriberLeft(channel) } }
        // Before the log is read, so that nothing is missed in between.
        let waiter = router.waiters.add(to: query.selection)
        defer { router.waiters.remove(waiter, from: query.selection) }
        // A cursor that this log has not given yet: the answer's head says so.
        if let after = query.after, after > last { waiter.end() }
        router.observer.observe(.waitBegan)
        defer { router.observer.observe(.waitEnded) }
        return try await withTaskCancellationHandler {
            try await withThrowingTaskGroup { group in
                group.addTask {
                    try? await ContinuousClock().sleep(until: now + patience)
                    waiter.end()
                }
                defer { group.cancelAll() }
                while true {
                    let isOver = waiter.isOver
                    let head = router.relay.status.writtenThrough
                    let page = try await router.log.history(query)
                    if isOver || page.hasMore || !page.entries.isEmpty { return (page, head) }
                    await waiter.next()
                }
            }
        } onCancel: {
            // The client is gone.
            waiter.end()
        }
    }
}
