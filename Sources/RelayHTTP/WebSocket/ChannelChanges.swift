import NIOCore
import NIOHTTP1
import RelayCore

/// Adds channels to an open WebSocket and takes channels from it, as its client asks: one request after the other, each
/// answered. On the event loop of the connection.
package final class ChannelChanges {
    private let router: Router
    private let bearer: Bearer?
    private let address: ClientAddress
    private let hub: LoopHub
    private var waiting: [ChannelChange] = []
    private var isWorking = false
    /// Messages since the interval of pings began.
    private var received = 0

    /// Requests that wait, for PostgreSQL to listen to what one before them asked for.
    private static let maximumWaiting = 16
    /// Messages of one client in an interval of pings: each is parsed on an event loop that others share. Enough to change
    /// all channels, one by one, ten times.
    private static let maximumPerInterval = 10 * ChannelSelection.maximumChannels

    init(_ router: Router, _ subscription: Subscription, _ hub: LoopHub) {
        self.router = router
        self.bearer = subscription.bearer
        self.address = subscription.seat.address
        self.hub = hub
    }

    /// - Returns: whether there was room for it.
    func received(_ message: ByteBuffer, for subscriber: Subscriber) -> Bool {
        self.received += 1
        if self.received > Self.maximumPerInterval { return false }
        guard let change = ChannelChange(message) else { return true }
        if self.waiting.count >= Self.maximumWaiting { return false }
        self.waiting.append(change)
        self.work(for: subscriber)
        return true
    }

    func intervalBegins() {
        self.received = 0
    }

    /// Goes on as far as it can: not for a client that doesn't take the answers, nor for one that is gone.
    func work(for subscriber: Subscriber) {
        while !self.isWorking, subscriber.takesAnswers, !self.waiting.isEmpty {
            let change = self.waiting.removeFirst()
            let most = ChannelSelection.maximumChannels
            if change.unsubscribe?.count ?? 0 > most || change.subscribe?.count ?? 0 > most {
                self.refuse([], Problem(.badRequest, "a request may name at most \(most) channels"), subscriber)
                continue
            }
            if let texts = change.unsubscribe { self.unsubscribe(texts, subscriber) }
            if let texts = change.subscribe { self.subscribe(texts, subscriber) }
        }
    }

    // MARK: - Less

    private func unsubscribe(_ texts: [String], _ subscriber: Subscriber) {
        var selection = subscriber.selection
        let names = Set(texts.compactMap { try? ChannelName($0) }).intersection(selection.names)
        selection.remove(names, Set(texts.map { ChannelGlob($0) }))
        subscriber.change(to: selection)
        for name in names { self.router.relay.subscriberLeft(name) }
        subscriber.tell(.unsubscribed(texts, id: subscriber.position))
    }

    // MARK: - More

    private func subscribe(_ texts: [String], _ subscriber: Subscriber) {
        do {
            let wanted = try self.router.selection(texts)
            let had = subscriber.selection
            let added = wanted.names.filter { !had.names.contains($0) }
            let together = ChannelSelection(had.names + added, patterns: had.patterns + wanted.patterns)
            let selection = self.router.access.bound(together, to: self.bearer)
            try self.check(added, selection)
            if self.router.relay.admitAtOnce(added, head: self.hub.head) {
                return self.take(selection, texts, subscriber)
            }
            self.wait(for: added, selection, texts, subscriber)
        } catch {
            self.refuse(texts, error, subscriber)
        }
    }

    private func check(_ added: [ChannelName], _ selection: ChannelSelection) throws {
        if !selection.isWithinLimits { throw Problem.tooManyChannels }
        for channel in added {
            guard self.router.access.mayRead(channel, self.bearer) else {
                throw self.router.access.refusal(of: channel, to: self.bearer)
            }
            try self.router.countNewChannel(channel, from: self.address, at: .now)
        }
    }

    /// Until PostgreSQL listens to them.
    private func wait(
        for added: [ChannelName],
        _ selection: ChannelSelection,
        _ texts: [String],
        _ subscriber: Subscriber
    ) {
        self.isWorking = true
        let relay = self.router.relay
        self.hub.eventLoop.makeFutureWithTask { try await relay.admit(added) }.assumeIsolated().whenComplete { result in
            self.isWorking = false
            switch result {
            case .success where subscriber.isOver: for channel in added { relay.subscriberLeft(channel) }
            case .success: self.take(selection, texts, subscriber)
            case .failure(let error): self.refuse(texts, error, subscriber)
            }
            self.work(for: subscriber)
        }
    }

    /// From where the connection is now: all that follows it of the new channels comes in its place among the others.
    private func take(_ selection: ChannelSelection, _ texts: [String], _ subscriber: Subscriber) {
        subscriber.change(to: selection)
        subscriber.tell(.subscribed(texts, id: subscriber.position))
    }

    private func refuse(_ texts: [String], _ error: any Error, _ subscriber: Subscriber) {
        let problem = self.router.problem(of: error)
        subscriber.tell(
            .refused(texts, status: Int(problem.status.code), detail: problem.detail, id: subscriber.position)
        )
    }
}
