import NIOHTTP1
import RelayCore

/// `GET /listen/{channel}`: the WebSocket.
struct ListenHandler {
    let router: Router

    func decide(
        on request: HTTPRequestHead,
        _ target: RequestTarget,
        channel: String,
        from caller: Caller,
        at now: ContinuousClock.Instant,
        head: EventID
    ) throws -> HTTPDecision {
        let channel = try self.router.channel(channel)
        let start = try StartParameter(target)
        guard request.asksForWebSocket else {
            throw Problem(
                .upgradeRequired,
                "this is a WebSocket address: connect to it with a WebSocket client, or read /history/{channel}",
                headers: ["Upgrade": "websocket", "Connection": "upgrade"]
            )
        }
        guard self.router.cors.allows(request, own: self.router.options.ownOrigins(request, of: caller)) else {
            throw Problem(.forbidden, "pages of this origin may not connect: add it to CORSOrigins", cause: .origin)
        }
        let access = self.router.access
        let token = try access.token(of: request, target, from: caller)
        let admit = { @Sendable (bearer: Bearer?) in
            try self.admit(to: channel, start, bearer, from: caller.address, at: now, head: head)
        }
        switch token {
        case .absent, .foreignCookie:
            return try admit(try access.reader(of: channel, presenting: token))
        case .explicit, .cookie:
            return .work {
                switch try admit(try access.reader(of: channel, presenting: token)) {
                case .answer(let answer): answer
                case .work(let work): try await work()
                }
            }
        }
    }

    /// Lets in who may read the channel, if there is room.
    /// - Parameter head: the newest id that the event loop has fanned out, or had when the request came.
    private func admit(
        to channel: ChannelName,
        _ start: StartParameter,
        _ bearer: Bearer?,
        from address: ClientAddress,
        at now: ContinuousClock.Instant,
        head: EventID
    ) throws -> HTTPDecision {
        try self.router.countNewChannel(channel, from: address, at: now)
        let seat = try self.router.clients.take(for: address, subject: bearer?.subject)
        let (relay, identity) = (self.router.relay, self.router.log.identity)
        if start.isKnown(to: head), relay.admitAtOnce(channel, head: head) {
            let subscription = start.subscription(to: channel, bearer, identity: identity, last: head, seat: seat)
            return .answer(.upgrade(subscription))
        }
        return .work {
            do {
                let last = try await relay.admit(channel)
                return .upgrade(start.subscription(to: channel, bearer, identity: identity, last: last, seat: seat))
            } catch {
                self.router.clients.leave(seat)
                throw error
            }
        }
    }
}

/// `last-seen-id` and `log`: from where on a subscriber wants the channel.
enum StartParameter: Equatable {
    /// Absent: payloads only, from now on.
    case raw
    /// Enveloped, from now on.
    case latest
    /// Enveloped, everything after the id.
    case after(EventID, logID: String?)

    /// Far longer than any log's name.
    private static let maximumLogIDBytes = 64

    init(_ target: RequestTarget) throws(BadParameter) {
        let logID = try target.value(of: "log")
        if let logID, logID.isEmpty || logID.utf8.count > Self.maximumLogIDBytes {
            throw BadParameter(name: "log", requirement: "has to be the 'log' of a live message, or absent")
        }
        switch try target.value(of: "last-seen-id") {
        case nil: self = .raw
        case "latest": self = .latest
        case let text?:
            guard let id = EventID(decimal: text) else {
                throw BadParameter(
                    name: "last-seen-id",
                    requirement: "has to be the id of the last message seen (decimal, below 2^53), 0 or latest"
                )
            }
            self = .after(id, logID: logID)
        }
    }

    /// Whether an event loop whose newest id is `head` can say what it leads to. Another loop may be ahead of it.
    func isKnown(to head: EventID) -> Bool {
        switch self {
        case .raw, .latest: true
        case .after(let id, _): id <= head
        }
    }

    func subscription(
        to channel: ChannelName,
        _ bearer: Bearer?,
        identity: LogIdentity,
        last: EventID,
        seat: ClientSeat
    ) -> Subscription {
        var subscription = Subscription(
            channel: channel,
            kind: .enveloped,
            resumePoint: nil,
            seat: seat,
            bearer: bearer
        )
        switch self {
        case .raw:
            subscription.kind = .raw
        case .latest:
            break
        case .after(let id, let logID):
            subscription.resumePoint = ResumePoint(
                channel: channel,
                presented: id,
                logID: logID,
                identity: identity,
                last: last
            )
        }
        return subscription
    }
}

extension HTTPRequestHead {
    /// Whether it asks to become a WebSocket; requests for other protocols (`h2c`) are plain ones to us.
    fileprivate var asksForWebSocket: Bool {
        func has(_ name: String, _ token: String) -> Bool {
            self.headers[canonicalForm: name].contains { $0.lowercased() == token }
        }
        return self.version == .http1_1 && has("Upgrade", "websocket") && has("Connection", "upgrade")
    }
}
