import NIOHTTP1
import RelayCore

/// `GET /listen/{channel}` and `GET /listen?channel=…`: the WebSocket, or the event stream where that is asked for.
struct ListenHandler {
    let router: Router

    func decide(
        on request: HTTPRequestHead,
        _ target: RequestTarget,
        _ selection: ChannelSelection,
        from caller: Caller,
        at now: ContinuousClock.Instant,
        head: EventID
    ) throws -> HTTPDecision {
        let wanted = try ListenRequest(request, target)
        guard self.router.cors.allows(request, own: self.router.options.ownOrigins(request, of: caller)) else {
            throw Problem(.forbidden, "pages of this origin may not connect: add it to CORSOrigins", cause: .origin)
        }
        let access = self.router.access
        let token = try access.token(of: request, target, from: caller)
        let admit = { @Sendable (bearer: Bearer?) in
            let selection = access.bound(selection, to: bearer)
            return try self.admit(to: selection, wanted, bearer, from: caller.address, at: now, head: head)
        }
        switch token {
        case .absent, .foreignCookie:
            return try admit(try access.reader(of: selection, presenting: token))
        case .explicit, .cookie:
            return .work {
                switch try admit(try access.reader(of: selection, presenting: token)) {
                case .answer(let answer): answer
                case .work(let work): try await work()
                }
            }
        }
    }

    /// Lets in who may read the channels, if there is room.
    /// - Parameter head: the newest id that the event loop has fanned out, or had when the request came.
    private func admit(
        to selection: ChannelSelection,
        _ wanted: ListenRequest,
        _ bearer: Bearer?,
        from address: ClientAddress,
        at now: ContinuousClock.Instant,
        head: EventID
    ) throws -> HTTPDecision {
        for channel in selection.names { try self.router.countNewChannel(channel, from: address, at: now) }
        let seat = try self.router.clients.take(for: address, subject: bearer?.subject)
        let (relay, identity) = (self.router.relay, self.router.log.identity)
        if wanted.isKnown(to: head), relay.admitAtOnce(selection.names, head: head) {
            return .answer(wanted.answer(wanted.subscription(to: selection, bearer, identity, last: head, seat)))
        }
        return .work {
            do {
                let last = try await relay.admit(selection.names)
                return wanted.answer(wanted.subscription(to: selection, bearer, identity, last: last, seat))
            } catch {
                self.router.clients.leave(seat)
                throw error
            }
        }
    }
}

/// What somebody wants to have of channels, from where on, and as what.
struct ListenRequest: Equatable {
    let kind: FrameKind
    let start: Start
    /// Of the answer that accepts a WebSocket; empty for an event stream.
    private let handshake: HTTPHeaders

    enum Start: Equatable {
        /// From now on.
        case latest
        /// Everything after the id.
        case after(EventID, logID: String?)
    }

    /// Far longer than any log's name.
    private static let maximumLogIDBytes = 64

    /// - Throws: `Problem` or `BadParameter`.
    init(_ request: HTTPRequestHead, _ target: RequestTarget) throws {
        let lastSeenID = try target.value(of: "last-seen-id")
        let start = try Self.start(at: lastSeenID, target)
        if request.asksForWebSocket {
            self.kind = lastSeenID == nil ? .raw : .enveloped
            self.start = start
            self.handshake = try WebSocketHandshake.answer(to: request)
        } else if request.asksForEventStream {
            self.kind = try Self.isRaw(target) ? .rawEventStream : .eventStream
            self.start = try Self.start(comingBack: request) ?? start
            self.handshake = [:]
        } else {
            throw Problem(
                .upgradeRequired,
                """
                this address is for WebSocket clients, and for server-sent events with the header \
                'Accept: text/event-stream'. For past events, use /history/{channel}
                """,
                headers: ["Upgrade": "websocket", "Connection": "upgrade"]
            )
        }
    }

    /// `last-seen-id` and `log`.
    private static func start(at lastSeenID: String?, _ target: RequestTarget) throws(BadParameter) -> Start {
        let logID = try target.value(of: "log")
        if let logID, logID.isEmpty || logID.utf8.count > Self.maximumLogIDBytes {
            throw BadParameter(name: "log", requirement: "must be the 'log' of a live message, or absent")
        }
        guard let lastSeenID, lastSeenID != "latest" else { return .latest }
        guard let id = EventID(decimal: lastSeenID) else {
            throw BadParameter(
                name: "last-seen-id",
                requirement: "must be the id of the last message seen (decimal, below 2^53), 0 or latest"
            )
        }
        return .after(id, logID: logID)
    }

    /// A browser that comes back to an event stream asks for the same URL as at first; where it is now it says in a header.
    private static func start(comingBack request: HTTPRequestHead) throws -> Start? {
        let ids = request.headers["Last-Event-ID"]
        if ids.isEmpty { return nil }
        guard ids.count == 1, let id = EventID(decimal: ids[0]) else {
            throw Problem(.badRequest, "the header Last-Event-ID must be the id of the last event seen, or absent")
        }
        // The URL's `log` is of the time when it was made, and the id is newer.
        return .after(id, logID: nil)
    }

    private static func isRaw(_ target: RequestTarget) throws(BadParameter) -> Bool {
        switch try target.value(of: "format") {
        case nil: false
        case "raw": true
        default: throw BadParameter(name: "format", requirement: "must be raw, for payloads only, or absent")
        }
    }

    /// Whether an event loop whose newest id is `head` can say what it leads to. Another loop may be ahead of it.
    func isKnown(to head: EventID) -> Bool {
        switch self.start {
        case .latest: true
        case .after(let id, _): id <= head
        }
    }

    func subscription(
        to selection: ChannelSelection,
        _ bearer: Bearer?,
        _ identity: LogIdentity,
        last: EventID,
        _ seat: ClientSeat
    ) -> Subscription {
        let resumePoint: ResumePoint? =
            switch self.start {
            case .latest: nil
            case .after(let id, let logID):
                ResumePoint(channel: selection.only, presented: id, logID: logID, identity: identity, last: last)
            }
        return Subscription(selection, kind: self.kind, resumePoint: resumePoint, seat: seat, bearer: bearer)
    }

    func answer(_ subscription: Subscription) -> HTTPAnswer {
        if !self.kind.isEventStream {
            var response = HTTPResponse(status: .switchingProtocols)
            response.headers = self.handshake
            return .subscription(response, subscription)
        }
        var response = HTTPResponse(status: .ok, contentType: "text/event-stream")
        response.headers.add(name: "Connection", value: "close")
        response.headers.add(name: "Cache-Control", value: "no-store, no-transform")
        // A proxy that keeps an answer back until it has enough of it (nginx and others read this).
        response.headers.add(name: "X-Accel-Buffering", value: "no")
        return .subscription(response, subscription)
    }
}

extension HTTPRequestHead {
    /// Whether it asks for a media type by name, and not just for anything (RFC 9110, section 12.5.1).
    func accepts(_ type: String) -> Bool {
        self.headers[canonicalForm: "Accept"].contains { range in
            let parts = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
            return parts.first == type && !parts.contains { ["q=0", "q=0.0", "q=0.00", "q=0.000"].contains($0) }
        }
    }

    /// Whether it asks to become a WebSocket; requests for other protocols (`h2c`) are plain ones to us.
    fileprivate var asksForWebSocket: Bool {
        func has(_ name: String, _ token: String) -> Bool {
            self.headers[canonicalForm: name].contains { $0.lowercased() == token }
        }
        return self.version == .http1_1 && has("Upgrade", "websocket") && has("Connection", "upgrade")
    }

    /// Whether it asks for server-sent events, and not just for anything.
    fileprivate var asksForEventStream: Bool {
        self.accepts("text/event-stream")
    }
}
