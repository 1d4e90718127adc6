import NIOCore
import NIOExtras
import NIOHTTP1
import NIOPosix
import NIOWebSocket
package import RelayCore

/// Accepts connections until it is told to drain.
package final class HTTPServer: Sendable {
    private let options: HTTPOptions
    private let group: any EventLoopGroup
    private let fanOut: FanOut
    private let router: Router
    private let pages: ReplayPages
    private let clientPort: Port
    /// Its clients count among those of the port beside it.
    private let tlsPort: Port
    private let adminPort: Port
    /// Ends with the first port that is closed.
    private let listening = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))

    /// What is served at a port, to how many.
    private final class Port: Sendable {
        let router: Router
        /// Of connections that are no clients, or not yet.
        let places: ConnectionPlaces
        /// Clients or not.
        let allConnections: ClientCounter
        let quiescing: ServerQuiescingHelper
        /// Where it speaks TLS.
        let certificate: ServerCertificate?

        init(
            router: Router,
            places: ConnectionPlaces,
            allConnections: ClientCounter,
            quiescing: ServerQuiescingHelper,
            certificate: ServerCertificate? = nil
        ) {
            self.router = router
            self.places = places
            self.allConnections = allConnections
            self.quiescing = quiescing
            self.certificate = certificate
        }
    }

    /// What was opened.
    package struct Opened: Sendable {
        package var http: Int?
        package var https: Int?
    }

    /// Connections that wait to be accepted; beyond it the kernel holds them back.
    private static let backlog: CInt = 1024
    /// Connections that are neither WebSockets nor event streams, or not yet; one more is closed at once. Each of them may
    /// send requests to gather some 100 KB in memory, and is there for 10 s at most without a complete request.
    package static let maximumHTTPConnections = 1024
    /// Connections to the operators' port, on top of all others, so that no client can take an operator's place: some
    /// scrapers and probes, each on a connection that it keeps.
    package static let maximumAdminConnections = 64
    /// Bytes read at once: small requests that come together are all decoded before the first is answered.
    private static let readBytes = AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 2048, maximum: 4096)
    /// What the kernel holds for a client that does not read. Without it, up to 4 MB each.
    private static let sendBufferBytes = 64 << 10
    /// Beyond the high mark a client lags and gets nothing more; below the low mark it goes on.
    private static let writeBuffer = ChannelOptions.Types.WriteBufferWaterMark(low: 32 << 10, high: 64 << 10)

    package init(
        options: HTTPOptions,
        fanOut: FanOut,
        relay: Relay,
        log: any EventLog,
        observer: any Observer,
        metrics: (any MetricsExposition)? = nil
    ) {
        self.options = options
        self.group = fanOut.group
        self.fanOut = fanOut
        let router = Router(
            options: options,
            relay: relay,
            log: log,
            observer: observer,
            clients: ClientSeats(options.limits),
            waiters: fanOut.waiters,
            metrics: metrics
        )
        self.router = router
        self.pages = ReplayPages(log: log, observer: observer)
        self.clientPort = Port(
            router: router,
            places: ConnectionPlaces(
                Self.maximumHTTPConnections,
                perAddress: options.limits.connectionsPerAddress,
                trustedProxies: options.trustedProxies
            ),
            allConnections: ClientCounter(limit: options.maximumConnections),
            quiescing: ServerQuiescingHelper(group: fanOut.group)
        )
        self.tlsPort = Port(
            router: router.overTLS,
            places: self.clientPort.places,
            allConnections: self.clientPort.allConnections,
            quiescing: ServerQuiescingHelper(group: fanOut.group),
            certificate: options.https?.certificate
        )
        self.adminPort = Port(
            router: router.forOperators,
            places: ConnectionPlaces(Self.maximumAdminConnections),
            allConnections: ClientCounter(limit: Self.maximumAdminConnections),
            quiescing: ServerQuiescingHelper(group: fanOut.group)
        )
    }

    /// Opens the operators' port, if they have one of their own. Before `start`, so that who waits for the relay to be
    /// ready can ask meanwhile.
    /// - Returns: the port that was opened.
    /// - Throws: `CannotListen`.
    package func startAdmin() async throws -> Int? {
        guard let (host, port) = self.options.admin else { return nil }
        let settings = "AdminHost and AdminPort"
        return try await self.listen(self.adminPort, host: host, port: port, settings: settings).localAddress?.port
    }

    /// Opens the clients' ports: of HTTP, of HTTPS, or both.
    /// - Throws: `CannotListen`.
    package func start() async throws -> Opened {
        let host = self.options.host
        var opened = Opened()
        var channels: [any Channel] = []
        if let https = self.options.https {
            let settings = "HttpHost and HttpsPort"
            let channel = try await self.listen(self.tlsPort, host: host, port: https.port, settings: settings)
            opened.https = channel.localAddress?.port
            channels.append(channel)
        }
        if let port = self.options.port {
            let settings = "HttpHost and HttpPort"
            let channel = try await self.listen(self.clientPort, host: host, port: port, settings: settings)
            opened.http = channel.localAddress?.port
            channels.append(channel)
        }
        if let first = channels.first {
            let second = TimeAmount.seconds(1)
            let expiry = first.eventLoop.scheduleRepeatedTask(initialDelay: second, delay: second) { [pages] _ in
                pages.expire(at: .now())
            }
            first.closeFuture.whenComplete { _ in expiry.cancel() }
        }
        return opened
    }

    private func listen(_ served: Port, host: String, port: Int, settings: String) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: self.group)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Connections inherit these two.
            .serverChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .serverChannelOption(.socketOption(.so_sndbuf), value: Self.sendBufferBytes)
            .serverChannelOption(.maxMessagesPerRead, value: UInt(AcceptPause.acceptedAtOnce))
            .serverChannelInitializer { [observer = self.router.observer] channel in
                channel.eventLoop.makeCompletedFuture {
                    let pause = AcceptPause(
                        connections: served.allConnections,
                        refused: {
                            let reason = "too few file descriptors (ulimit -n)"
                            observer.observe(.requestRefused(.limitConnections, status: 503, reason: reason))
                        },
                        failed: { observer.observe(.acceptFailed(reason: $0)) }
                    )
                    try channel.pipeline.syncOperations.addHandler(pause)
                    try channel.pipeline.syncOperations.addHandler(
                        served.quiescing.makeServerChannelHandler(channel: channel)
                    )
                }
            }
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try self.configure(channel, of: served) }
            }
        do {
            let channel = try await bootstrap.bind(host: host, port: port).get()
            channel.closeFuture.whenComplete { [listening] _ in listening.continuation.finish() }
            return channel
        } catch {
            throw CannotListen(host: host, port: port, settings: settings, reason: "\(error)")
        }
    }

    /// Returns when a port is closed: by `drain`, or because of an error after which nothing can be accepted any more.
    /// Or when the task is cancelled. Once.
    package func untilClosed() async {
        for await _ in self.listening.stream {}
    }

    /// Accepts nothing more, ends what is idle, and sends clients away over the drain window.
    /// Operators are answered until that is done. Returns when all connections are closed, or when they have had time
    /// enough.
    package func drain() async {
        self.router.draining.begin()
        self.router.waiters.end()
        let goodbye = self.options.https == nil ? TimeAmount.zero : ServerCertificate.goodbyeTimeout
        let patience = self.drainWindow + Subscriber.closeTimeout + goodbye + .seconds(1)
        await withTaskGroup { group in
            if self.options.port != nil { group.addTask { await self.close(self.clientPort, within: patience) } }
            if self.options.https != nil { group.addTask { await self.close(self.tlsPort, within: patience) } }
        }
        if self.options.admin != nil { await self.close(self.adminPort, within: .seconds(1)) }
    }

    private func close(_ port: Port, within patience: TimeAmount) async {
        let promise = self.group.next().makePromise(of: Void.self)
        port.quiescing.initiateShutdown(promise: promise)
        let deadline = self.group.next().scheduleTask(in: patience) { promise.succeed() }
        try? await promise.futureResult.get()
        deadline.cancel()
    }

    /// A few clients need no window: 2 ms each.
    private var drainWindow: TimeAmount {
        min(self.options.drainWindow, .milliseconds(2) * self.router.clients.count)
    }

    private func configure(_ channel: any Channel, of port: Port) throws {
        try self.setOptions(of: channel)
        let address = ClientAddress(peer: channel.remoteAddress)
        let place: ConnectionPlaces.Place
        do throws(Problem) {
            place = try port.places.take(for: address)
        } catch {
            self.router.observe(error)
            return channel.close(promise: nil)
        }
        let hub = self.fanOut.hub(of: channel.eventLoop)
        let deadline = channel.eventLoop.now + TimeAmount(self.options.timeouts.request)
        let pipeline = channel.pipeline.syncOperations
        do {
            if let certificate = port.certificate {
                // Beside its handshake, HTTP's handlers cost little.
                try pipeline.addHandler(certificate.makeHandler())
                try pipeline.addHandlers(self.makeHTTP(port, hub, from: address, at: place, by: deadline, decided: nil))
            } else {
                try pipeline.addHandler(self.makeFirstRequestHandler(port, hub, from: address, at: place, by: deadline))
            }
        } catch {
            // It is closed already.
            port.places.leave(place)
            throw error
        }
    }

    private func makeFirstRequestHandler(
        _ port: Port,
        _ hub: LoopHub,
        from address: ClientAddress,
        at place: ConnectionPlaces.Place,
        by deadline: NIODeadline
    ) -> FirstRequestHandler {
        let router = port.router
        return FirstRequestHandler(
            deadline: deadline,
            hub: hub,
            respond: { router.decide(on: $0, from: address, at: .now, head: hub.head) },
            makeSubscriber: { self.makeHandlers(of: $0, hub, of: port) },
            makeHTTP: { self.makeHTTP(port, hub, from: address, at: place, by: deadline, decided: $0) },
            abandon: { router.left($0, with: $0.selection) },
            report: { router.tell($0, from: address) },
            whenOver: { port.places.leave(place) }
        )
    }

    /// - Parameters:
    ///   - deadline: when the first request has to be complete.
    ///   - decision: on the first request, if it was asked for already.
    private func makeHTTP(
        _ port: Port,
        _ hub: LoopHub,
        from address: ClientAddress,
        at place: ConnectionPlaces.Place,
        by deadline: NIODeadline,
        decided decision: HTTPDecision?
    ) -> [any ChannelHandler] {
        let router = port.router
        let http = HTTPConnectionHandler.HTTPHandlers(timeouts: self.options.timeouts, firstDeadline: deadline)
        var decided = decision
        let handler = HTTPConnectionHandler(
            respond: { decided.take() ?? router.decide(on: $0, from: address, at: .now, head: hub.head) },
            makeSubscriber: { self.makeHandlers(of: $0, hub, of: port) },
            abandon: { router.left($0, with: $0.selection) },
            report: { router.tell($0, from: address) },
            whenOver: { port.places.leave(place) },
            http: http
        )
        return http.inOrder + [handler]
    }

    /// Here and not by the bootstrap, which makes a future for each of them.
    private func setOptions(of channel: any Channel) throws {
        guard let options = channel.syncOptions else { return }
        try options.setOption(.writeBufferWaterMark, value: Self.writeBuffer)
        try options.setOption(.recvAllocator, value: Self.readBytes)
        // What a client sends is nearly always read with one call; another one would only say that there is no more.
        try options.setOption(.maxMessagesPerRead, value: 1)
    }

    private func makeHandlers(of subscription: Subscription, _ hub: LoopHub, of port: Port) -> [any ChannelHandler] {
        let subscriber = self.makeSubscriber(subscription, hub, of: port)
        if subscription.kind.isEventStream { return [EventStreamHandler(subscriber)] }
        // Without envelopes there is no answer, and pg_eventserv ignores what clients send.
        let changes = subscription.kind == .enveloped ? ChannelChanges(port.router, subscription, hub) : nil
        let decoder = WebSocketFrameDecoder(maxFrameSize: WebSocketHandler.maximumMessageBytes)
        return [ByteToMessageHandler(decoder), WebSocketHandler(subscriber, changes: changes)]
    }

    private func makeSubscriber(_ subscription: Subscription, _ hub: LoopHub, of port: Port) -> Subscriber {
        let router = self.router
        return Subscriber(
            subscription: subscription,
            isEncrypted: port.certificate != nil,
            hub: hub,
            pages: self.pages,
            observer: router.observer,
            expiry: router.access.expiry(of: subscription.bearer),
            drainWindow: { self.drainWindow },
            whenClosed: { router.left(subscription, with: $0) }
        )
    }
}

extension Router {
    fileprivate func tell(_ report: HTTPReport, from peer: ClientAddress) {
        switch report {
        case .refused(let problem):
            self.observe(problem)
        case .handshakeFailed(let reason):
            self.observer.observe(.requestRefused(.handshake, status: 0, reason: reason))
        case .answered(let exchange):
            let address = self.options.trustedProxies.caller(of: exchange.headers, from: peer).address
            self.observer.observe(.requestAnswered(exchange.request(from: "\(address)", end: .now())))
        }
    }

    /// A client is gone.
    /// - Parameter selection: what it had by then.
    fileprivate func left(_ subscription: Subscription, with selection: ChannelSelection) {
        self.clients.leave(subscription.seat)
        for channel in selection.names { self.relay.subscriberLeft(channel) }
    }
}

/// The port can't be opened.
package struct CannotListen: Error, CustomStringConvertible {
    package let host: String
    package let port: Int
    /// What they are set by.
    package let settings: String
    package let reason: String

    package var description: String {
        """
        can't listen at \(self.host):\(self.port): \(self.reason). Stop what uses the port, or set \(self.settings) \
        to other values
        """
    }
}

/// The open port has failed.
package struct StoppedListening: Error, CustomStringConvertible {
    package init() {}

    package var description: String {
        "no more connections can be accepted: the open port failed (see the line before). Restart the relay"
    }
}
