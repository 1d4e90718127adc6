import NIOCore
import NIOHTTP1
import RelayCore

/// From a request to its answer: the table of routes, and what all of them share.
final class Router: Sendable {
    let options: HTTPOptions
    let relay: Relay
    let log: any EventLog
    let observer: any Observer
    let clients: ClientSeats
    let rates: ClientRates
    let cors: CORS
    let access: ChannelAccess
    let viewer: ViewerHandler
    /// Nil where there are none to show.
    let metrics: (any MetricsExposition)?
    let waiters: ChannelWaiters
    let draining: Draining
    let surface: Surface

    init(
        options: HTTPOptions,
        relay: Relay,
        log: any EventLog,
        observer: any Observer,
        clients: ClientSeats,
        rates: ClientRates? = nil,
        waiters: ChannelWaiters,
        metrics: (any MetricsExposition)?,
        draining: Draining = Draining(),
        surface: Surface? = nil
    ) {
        self.options = options
        self.relay = relay
        self.log = log
        self.observer = observer
        self.clients = clients
        self.rates = rates ?? ClientRates(options.limits)
        self.cors = CORS(origins: options.corsOrigins)
        self.access = ChannelAccess(options: options, cors: self.cors)
        self.viewer = ViewerHandler(assets: options.assets, options: options)
        self.metrics = metrics
        self.waiters = waiters
        self.draining = draining
        self.surface = surface ?? (options.admin == nil ? .everything : .clients)
    }

    /// The same for the port that speaks TLS.
    var overTLS: Router {
        var options = self.options
        options.scheme = "https"
        return self.with(options, self.surface)
    }

    /// The same for the operators' port: at its root, and for no page to read.
    var forOperators: Router {
        var options = self.options
        options.basePath = .none
        options.corsOrigins = []
        return self.with(options, .operators)
    }

    /// What is shared among ports stays so, limits included.
    private func with(_ options: HTTPOptions, _ surface: Surface) -> Router {
        Router(
            options: options,
            relay: self.relay,
            log: self.log,
            observer: self.observer,
            clients: self.clients,
            rates: self.rates,
            waiters: self.waiters,
            metrics: self.metrics,
            draining: self.draining,
            surface: surface
        )
    }

    /// Never throws, nor does its work: what goes wrong is an answer, too.
    /// - Parameters:
    ///   - peer: the other end of the connection.
    ///   - head: the newest id that the event loop of the connection has fanned out.
    func decide(
        on request: HTTPRequestHead,
        from peer: ClientAddress,
        at now: ContinuousClock.Instant,
        head: EventID
    ) -> HTTPDecision {
        var route = AnsweredRequest.Route.none
        do {
            let caller = self.options.trustedProxies.caller(of: request.headers, from: peer)
            switch try self.route(request, from: caller, at: now, head: head, &route) {
            case .answer(let answer):
                return .answer(self.complete(answer, to: request, route))
            case .work(let work):
                return .work { [route] in
                    do { return self.complete(try await work(), to: request, route) } catch {
                        return self.complete(self.answer(to: error), to: request, route)
                    }
                }
            }
        } catch {
            return .answer(self.complete(self.answer(to: error), to: request, route))
        }
    }

    private func complete(
        _ answer: HTTPAnswer,
        to request: HTTPRequestHead,
        _ route: AnsweredRequest.Route
    ) -> HTTPAnswer {
        switch answer {
        case .response(let response): .response(self.complete(response, to: request, route))
        case .subscription(let response, let subscription):
            .subscription(self.complete(response, to: request, route), subscription)
        }
    }

    private func complete(
        _ response: HTTPResponse,
        to request: HTTPRequestHead,
        _ route: AnsweredRequest.Route
    ) -> HTTPResponse {
        var response = response
        response.route = route
        // Nothing but the handshake is said there.
        if response.status == .switchingProtocols { return response }
        self.cors.apply(to: &response.headers, of: request)
        response.headers.add(name: "X-Content-Type-Options", value: "nosniff")
        // What one may read is not kept for another.
        return self.access.asksForTokens ? response.notStored : response
    }

    private func answer(to error: any Error) -> HTTPAnswer {
        .response(self.problem(of: error).response)
    }

    /// What is said of an error, which is observed.
    func problem(of error: any Error) -> Problem {
        guard let problem = Problem(refusing: error) else {
            self.observer.observe(.requestFailed(reason: "\(error)"))
            return Problem(.serviceUnavailable, "the relay can't answer now; its log says why. Try again later")
        }
        self.observe(problem)
        return problem
    }

    func observe(_ problem: Problem) {
        let status = Int(problem.status.code)
        self.observer.observe(.requestRefused(problem.cause, status: status, reason: problem.detail))
    }

    private func route(
        _ request: HTTPRequestHead,
        from caller: Caller,
        at now: ContinuousClock.Instant,
        head: EventID,
        _ route: inout AnsweredRequest.Route
    ) throws -> HTTPDecision {
        // RFC 9112, section 3.2: links and the relay's own origin are made of it.
        let hosts = request.headers["Host"].count
        if hosts > 1 || hosts == 0 && request.version == .http1_1 {
            throw Problem(.badRequest, "the request must have one Host header, but has \(hosts)")
        }
        let target = try RequestTarget(uri: request.uri)
        guard let path = self.options.pathBelowBase(target.segments) else { throw self.notFound }
        // Without the slash the page's relative links would lead above the base.
        if path.isEmpty { return .answer(.response(self.redirectToBase(request))) }
        route = self.route(to: path)
        guard self.surface.has(route) else { throw self.notFound }
        switch route {
        case .viewer where self.viewer.has(path[0]) && path[0] != "index.html":
            return try self.get(request) { self.viewer.file(path[0]) }
        case .viewer:
            if let preflight = try self.allow(request) { return .answer(.response(preflight)) }
            // With a thousand channels it takes too long for an event loop.
            return .work { .response(self.viewerPage(request, target, from: caller)) }
        case .health:
            return try self.get(request) { HealthHandler(router: self).response() }
        case .ready:
            return try self.get(request) { ReadyHandler(router: self).response() }
        case .metrics:
            guard let metrics = self.metrics else { throw self.notFound }
            if let preflight = try self.allow(request) { return .answer(.response(preflight)) }
            // It looks into /proc, and at every open file.
            return .work { .response(MetricsHandler(metrics: metrics).response(at: now)) }
        case .listen:
            if let preflight = try self.allow(request, Self.listenMethods) { return .answer(.response(preflight)) }
            try self.rates.upgradeRequested(from: caller.address, at: now)
            let listen = ListenHandler(router: self)
            let channels = try path.count > 1 ? self.selection(path[1]) : self.selection(target)
            return try listen.decide(on: request, target, channels, from: caller, at: now, head: head)
        case .history:
            let history = HistoryHandler(router: self)
            if let preflight = try self.allow(request) { return .answer(.response(preflight)) }
            try self.rates.historyRequested(from: caller.address, at: now)
            let channels = try path.count > 1 ? self.selection(path[1]) : self.selection(target)
            return .work { .response(try await history.response(request, target, channels, from: caller, at: now)) }
        case .channels:
            if let preflight = try self.allow(request) { return .answer(.response(preflight)) }
            try self.rates.historyRequested(from: caller.address, at: now)
            return .work { .response(try await ChannelsHandler(router: self).response(request, target, from: caller)) }
        case .none:
            throw self.notFound
        }
    }

    /// Where a path below the base leads.
    private func route(to path: [String]) -> AnsweredRequest.Route {
        switch (path.first ?? "", path.count) {
        case ("", 1), ("index.html", 1): .viewer
        case ("health", 1): .health
        case ("ready", 1): .ready
        case ("metrics", 1): .metrics
        case ("channels", 1): .channels
        case ("listen", 1...2): .listen
        case ("history", 1...2): .history
        case (let name, 1) where self.viewer.has(name): .viewer
        default: .none
        }
    }

    /// Names no channel that the visitor may not read. It is shown to all, as a token may be given to it later.
    private func viewerPage(_ request: HTTPRequestHead, _ target: RequestTarget, from caller: Caller) -> HTTPResponse {
        let token = try? self.access.token(of: request, target, from: caller)
        let visitor = token.flatMap { self.access.visitor(presenting: $0) }
        return self.viewer.page(
            request,
            patterns: self.access.patterns(visitor),
            channels: self.relay.recordedChannels.filter { self.access.mayRead($0, visitor) }
        )
    }

    private func get(_ request: HTTPRequestHead, _ response: () -> HTTPResponse) throws -> HTTPDecision {
        .answer(.response(try self.allow(request) ?? response()))
    }

    /// Lets the methods of an address pass and answers OPTIONS, which is one of them.
    private func allow(_ request: HTTPRequestHead, _ methods: [HTTPMethod] = Router.methods) throws -> HTTPResponse? {
        let isAllowed = methods.contains(request.method)
        if isAllowed, request.method != .OPTIONS { return nil }
        let names = methods.map(\.rawValue).joined(separator: ", ")
        if isAllowed { return self.cors.preflight(methods: names) }
        throw Problem(
            .methodNotAllowed,
            "\(request.method) is not supported at this address: use GET",
            headers: ["Allow": names]
        )
    }

    /// With its query, as the viewer's links have one.
    private func redirectToBase(_ request: HTTPRequestHead) -> HTTPResponse {
        var response = HTTPResponse(status: .permanentRedirect)
        let query = request.uri.drop { $0 != "?" }
        response.headers.add(name: "Location", value: "\(self.options.basePath.text)/\(query)")
        return response
    }

    private static let methods: [HTTPMethod] = [.GET, .HEAD, .OPTIONS]
    private static let listenMethods: [HTTPMethod] = [.GET, .OPTIONS]

    private var notFound: Problem {
        Problem(.notFound, "there is nothing at this address. Valid addresses are \(self.surface.addresses)")
    }

    /// The channel's name, if it is one and allowed.
    func channel(_ text: String) throws -> ChannelName {
        let channel = try ChannelName(text)
        guard self.relay.isAllowed(channel) else { throw ChannelRefusal.notAllowed(channel) }
        return channel
    }

    /// The one that a path names, whatever is in its name.
    func selection(_ text: String) throws -> ChannelSelection {
        ChannelSelection(try self.channel(text))
    }

    /// Those that the parameter `channel` names, once or several times. One with a wildcard is a pattern.
    func selection(_ target: RequestTarget) throws -> ChannelSelection {
        let texts = target.values(of: "channel")
        if texts.isEmpty {
            throw BadParameter(name: "channel", requirement: "must be given, once for each channel or pattern")
        }
        return try self.selection(texts)
    }

    func selection(_ texts: [String]) throws -> ChannelSelection {
        if texts.count > ChannelSelection.maximumChannels { throw Problem.tooManyChannels }
        var names: [ChannelName] = []
        var patterns: [ChannelGlob] = []
        for text in texts {
            if !text.contains("*") && !text.contains("?") {
                names.append(try self.channel(text))
            } else if text.utf8.count <= ChannelName.maximumBytes {
                patterns.append(ChannelGlob(text))
            } else {
                throw Problem(.badRequest, "the pattern '\(text)' is longer than any channel's name")
            }
        }
        let selection = ChannelSelection(names, patterns: patterns)
        if !selection.isWithinLimits { throw Problem.tooManyChannels }
        return selection
    }

    /// Counts a request for a channel, if it is one that is not recorded.
    func countNewChannel(
        _ channel: ChannelName,
        from address: ClientAddress,
        at now: ContinuousClock.Instant
    ) throws {
        if self.rates.limitsNewChannels, !self.relay.isRecorded(channel) {
            try self.rates.newChannelRequested(from: address, at: now)
        }
    }
}

extension Problem {
    static let tooManyChannels = Problem(
        .badRequest,
        """
        a connection can have at most \(ChannelSelection.maximumChannels) channels, of which at most \
        \(ChannelSelection.maximumPatterns) are patterns: open another connection for the rest
        """
    )

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
            case .tooManyChannels:
                self.init(.serviceUnavailable, "\(error)", cause: .limitChannels, headers: ["Retry-After": "60"])
            }
        default: return nil
        }
    }
}
