import NIOCore
import NIOHTTP1
import RelayCore
import Synchronization

/// From a request to its answer: the table of routes, and what all of them share.
struct Router: Sendable {
    let options: HTTPOptions
    let relay: Relay
    let log: any EventLog
    let observer: any Observer
    let clients: ClientCounter
    let cors: CORS
    let access: ChannelAccess
    let viewer: ViewerHandler
    private let newChannels: NewChannels?

    /// Taken once for each request that wants a new channel.
    private final class NewChannels: Sendable {
        let limit: Mutex<NewChannelLimit>

        init(_ limit: NewChannelLimit) { self.limit = Mutex(limit) }
    }

    init(options: HTTPOptions, relay: Relay, log: any EventLog, observer: any Observer, clients: ClientCounter) {
        self.options = options
        self.relay = relay
        self.log = log
        self.observer = observer
        self.clients = clients
        self.cors = CORS(origins: options.corsOrigins)
        self.access = ChannelAccess(options: options, cors: self.cors)
        self.viewer = ViewerHandler(assets: options.assets, options: options)
        self.newChannels = options.newChannelsPerMinute.map { NewChannels(NewChannelLimit(perMinute: $0)) }
    }

    /// Never throws, nor does its work: what goes wrong is an answer, too.
    /// - Parameter head: the newest id that the event loop of the connection has fanned out.
    func decide(
        on request: HTTPRequestHead,
        from address: ClientAddress,
        at now: ContinuousClock.Instant,
        head: EventID
    ) -> HTTPDecision {
        do {
            switch try self.route(request, from: address, at: now, head: head) {
            case .answer(let answer):
                return .answer(self.complete(answer, to: request))
            case .work(let work):
                return .work {
                    do { return self.complete(try await work(), to: request) } catch {
                        return self.complete(self.answer(to: error), to: request)
                    }
                }
            }
        } catch {
            return .answer(self.complete(self.answer(to: error), to: request))
        }
    }

    private func complete(_ answer: HTTPAnswer, to request: HTTPRequestHead) -> HTTPAnswer {
        guard case .response(var response) = answer else { return answer }
        self.cors.apply(to: &response.headers, of: request)
        response.headers.add(name: "X-Content-Type-Options", value: "nosniff")
        // What one may read is not kept for another.
        if self.access.asksForTokens { response.headers.replaceOrAdd(name: "Cache-Control", value: "no-store") }
        return .response(response)
    }

    private func answer(to error: any Error) -> HTTPAnswer {
        guard let problem = Problem(refusing: error) else {
            self.observer.observe(.requestFailed(reason: "\(error)"))
            return .response(
                Problem(.serviceUnavailable, "the relay can't answer now: its log says why. Come back later").response
            )
        }
        self.observer.observe(.requestRefused(status: Int(problem.status.code), reason: problem.detail))
        return .response(problem.response)
    }

    private func route(
        _ request: HTTPRequestHead,
        from address: ClientAddress,
        at now: ContinuousClock.Instant,
        head: EventID
    ) throws -> HTTPDecision {
        let target = try RequestTarget(uri: request.uri)
        guard let path = self.options.pathBelowBase(target.segments) else { throw Self.notFound }
        // Without the slash the page's relative links would lead above the base.
        if path.isEmpty { return .answer(.response(self.redirectToBase)) }
        switch (path.first ?? "", path.count) {
        case ("", 1), ("index.html", 1):
            if let preflight = try self.allow(request) { return .answer(.response(preflight)) }
            // With a thousand channels it takes too long for an event loop.
            return .work { .response(self.viewerPage(request, target)) }
        case ("health", 1):
            return try self.get(request) { HealthHandler(router: self).response() }
        case ("listen", 2):
            let listen = ListenHandler(router: self)
            return try listen.decide(on: request, target, channel: path[1], from: address, at: now, head: head)
        case ("history", 2):
            let history = HistoryHandler(router: self)
            if let preflight = try self.allow(request) { return .answer(.response(preflight)) }
            return .work { .response(try await history.response(request, target, channel: path[1])) }
        case (let name, 1) where self.viewer.has(name):
            return try self.get(request) { self.viewer.file(name) }
        default:
            throw Self.notFound
        }
    }

    /// Names no channel that the visitor may not read. It is shown to all, as a token may be given to it later.
    private func viewerPage(_ request: HTTPRequestHead, _ target: RequestTarget) -> HTTPResponse {
        let visitor = (try? self.access.token(of: request, target)).flatMap { self.access.visitor(presenting: $0) }
        return self.viewer.page(
            request,
            patterns: self.access.patterns(visitor),
            channels: self.relay.recordedChannels.filter { self.access.mayRead($0, visitor) }
        )
    }

    private func get(_ head: HTTPRequestHead, _ response: () -> HTTPResponse) throws -> HTTPDecision {
        .answer(.response(try self.allow(head) ?? response()))
    }

    /// Lets GET and HEAD pass and answers OPTIONS.
    private func allow(_ head: HTTPRequestHead) throws -> HTTPResponse? {
        switch head.method {
        case .GET, .HEAD:
            return nil
        case .OPTIONS:
            var response = HTTPResponse(status: .noContent)
            response.headers.add(name: "Allow", value: Self.methods)
            response.headers.add(name: "Access-Control-Allow-Methods", value: Self.methods)
            response.headers.add(name: "Access-Control-Allow-Headers", value: "Accept, Authorization, Content-Type")
            response.headers.add(name: "Access-Control-Max-Age", value: "600")
            return response
        default:
            throw Problem(
                .methodNotAllowed,
                "\(head.method) is not for this address: use GET",
                headers: ["Allow": Self.methods]
            )
        }
    }

    private var redirectToBase: HTTPResponse {
        var response = HTTPResponse(status: .permanentRedirect)
        response.headers.add(name: "Location", value: self.options.basePath + "/")
        return response
    }

    private static let methods = "GET, HEAD, OPTIONS"

    private static let notFound = Problem(
        .notFound,
        "there is nothing at this address. There are /listen/{channel}, /history/{channel}, /health and the viewer at /"
    )

    /// The channel's name, if it is one and allowed.
    func channel(_ text: String) throws -> ChannelName {
        let channel = try ChannelName(text)
        guard self.relay.isAllowed(channel) else { throw ChannelRefusal.notAllowed(channel) }
        return channel
    }

    /// Counts a request for a channel, if it is one that is not recorded and if there is a limit.
    func countNewChannel(
        _ channel: ChannelName,
        from address: ClientAddress,
        at now: ContinuousClock.Instant
    ) throws {
        guard let newChannels = self.newChannels, !self.relay.isRecorded(channel),
            let wait = newChannels.limit.withLock({ $0.requested(from: address, at: now) })
        else { return }
        throw Problem(
            .tooManyRequests,
            """
            no more than \(self.options.newChannelsPerMinute ?? 0) new channels a minute may be asked for from one \
            address (NewChannelsPerMinute): use one that is recorded, or come back later
            """,
            headers: ["Retry-After": "\(wait.components.seconds + 1)"]
        )
    }
}

extension Problem {
    /// What is the caller's to mend; nil for anything else.
    fileprivate init?(refusing error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as BadRequestTarget: self.init(.badRequest, "\(error)")
        case let error as BadParameter: self.init(.badRequest, "\(error)")
        case let error as InvalidChannelName: self.init(.badRequest, "\(error)")
        case let error as ChannelRefusal:
            switch error {
            case .notAllowed: self.init(.forbidden, "\(error)")
            case .impossible: self.init(.badRequest, "\(error)")
            case .tooManyChannels: self.init(.serviceUnavailable, "\(error)", headers: ["Retry-After": "60"])
            }
        default: return nil
        }
    }
}
