import NIOCore
import NIOExtras
import NIOHTTP1
import NIOPosix
package import RelayCore

/// Accepts connections until it is told to drain.
package final class HTTPServer: Sendable {
    private let options: HTTPOptions
    private let group: any EventLoopGroup
    private let fanOut: FanOut
    private let router: Router
    private let pages: ReplayPages
    private let quiescing: ServerQuiescingHelper
    /// Ends with the port.
    private let listening = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
    private let connections = ClientCounter(limit: HTTPServer.maximumHTTPConnections)
    /// WebSockets or not.
    private let allConnections: ClientCounter

    /// Connections that wait to be accepted; beyond it the kernel holds them back.
    private static let backlog: CInt = 1024
    /// Connections that are no WebSockets, or not yet; one more is closed at once. Each of them may send requests to
    /// gather some 100 KB in memory, and is there for 10 s at most without a complete request.
    package static let maximumHTTPConnections = 1024
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
        observer: any Observer
    ) {
        self.options = options
        self.group = fanOut.group
        self.fanOut = fanOut
        self.router = Router(
            options: options,
            relay: relay,
            log: log,
            observer: observer,
            clients: ClientCounter(limit: options.maximumClients)
        )
        self.pages = ReplayPages(log: log, observer: observer)
        self.quiescing = ServerQuiescingHelper(group: fanOut.group)
        self.allConnections = ClientCounter(limit: options.maximumConnections)
    }

    /// Opens the port.
    /// - Returns: the port that was opened.
    /// - Throws: `CannotListen`.
    package func start() async throws -> Int {
        let bootstrap = ServerBootstrap(group: self.group)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: UInt(AcceptPause.acceptedAtOnce))
            .serverChannelInitializer { [quiescing, allConnections, observer = self.router.observer] channel in
                channel.eventLoop.makeCompletedFuture {
                    let pause = AcceptPause(
                        connections: allConnections,
                        refused: {
                            let reason = "too few descriptors (ulimit -n)"
                            observer.observe(.requestRefused(status: 503, reason: reason))
                        },
                        failed: { observer.observe(.acceptFailed(reason: $0)) }
                    )
                    try channel.pipeline.syncOperations.addHandler(pause)
                    try channel.pipeline.syncOperations.addHandler(quiescing.makeServerChannelHandler(channel: channel))
                }
            }
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try self.configure(channel) }
            }
        do {
            let channel = try await bootstrap.bind(host: self.options.host, port: self.options.port).get()
            let second = TimeAmount.seconds(1)
            let expiry = channel.eventLoop.scheduleRepeatedTask(initialDelay: second, delay: second) { [pages] _ in
                pages.expire(at: .now())
            }
            channel.closeFuture.whenComplete { [listening] _ in
                expiry.cancel()
                listening.continuation.finish()
            }
            return channel.localAddress?.port ?? self.options.port
        } catch {
            throw CannotListen(host: self.options.host, port: self.options.port, reason: "\(error)")
        }
    }

    /// Returns when the port is closed: by `drain`, or because of an error after which nothing can be accepted any more.
    /// Or when the task is cancelled. Once.
    package func untilClosed() async {
        for await _ in self.listening.stream {}
    }

    /// Accepts nothing more, ends what is idle, and sends WebSocket clients away over the drain window.
    /// Returns when all connections are closed, or when they have had time enough.
    package func drain() async {
        let promise = self.group.next().makePromise(of: Void.self)
        self.quiescing.initiateShutdown(promise: promise)
        let patience = self.drainWindow + SubscriberHandler.closeTimeout + .seconds(1)
        let deadline = self.group.next().scheduleTask(in: patience) { promise.succeed() }
        try? await promise.futureResult.get()
        deadline.cancel()
    }

    /// A few clients need no window: 2 ms each.
    private var drainWindow: TimeAmount {
        min(self.options.drainWindow, .milliseconds(2) * self.router.clients.count)
    }

    private func configure(_ channel: any Channel) throws {
        try self.setOptions(of: channel)
        guard self.connections.enter() else {
            self.router.observer.observe(.requestRefused(status: 503, reason: "too many HTTP connections"))
            return channel.close(promise: nil)
        }
        let address = ClientAddress(ipAddress: channel.remoteAddress?.ipAddress)
        let http = HTTPConnectionHandler.HTTPHandlers()
        let router = self.router
        let hub = self.fanOut.hub(of: channel.eventLoop)
        let handler = HTTPConnectionHandler(
            respond: { router.decide(on: $0, from: address, at: .now, head: hub.head) },
            makeSubscriber: { self.makeSubscriber($0, on: channel.eventLoop) },
            abandon: { subscription in router.left(subscription.channel) },
            whenOver: { [connections] in connections.leave() },
            http: http
        )
        do {
            try channel.pipeline.syncOperations.addHandlers(http.inOrder + [handler])
        } catch {
            // It is closed already.
            self.connections.leave()
            throw error
        }
    }

    /// Here and not by the bootstrap, which makes a future for each of them.
    private func setOptions(of channel: any Channel) throws {
        guard let options = channel.syncOptions else { return }
        try options.setOption(.tcpOption(.tcp_nodelay), value: 1)
        try options.setOption(.socketOption(.so_sndbuf), value: Self.sendBufferBytes)
        try options.setOption(.writeBufferWaterMark, value: Self.writeBuffer)
        try options.setOption(.recvAllocator, value: Self.readBytes)
        // What a client sends is nearly always read with one call; another one would only say that there is no more.
        try options.setOption(.maxMessagesPerRead, value: 1)
    }

    private func makeSubscriber(_ subscription: Subscription, on eventLoop: any EventLoop) -> SubscriberHandler {
        let router = self.router
        return SubscriberHandler(
            subscription: subscription,
            hub: self.fanOut.hub(of: eventLoop),
            pages: self.pages,
            observer: router.observer,
            expiry: router.access.expiry(of: subscription.bearer),
            drainWindow: { self.drainWindow },
            whenClosed: { router.left(subscription.channel) }
        )
    }
}

extension Router {
    /// A client of the channel is gone.
    fileprivate func left(_ channel: ChannelName) {
        self.clients.leave()
        self.relay.subscriberLeft(channel)
    }
}

/// The port can't be opened.
package struct CannotListen: Error, CustomStringConvertible {
    package let host: String
    package let port: Int
    package let reason: String

    package var description: String {
        """
        can't listen at \(self.host):\(self.port): \(self.reason). Stop what uses the port, or set HttpHost and HttpPort \
        to others
        """
    }
}

/// The open port has failed.
package struct StoppedListening: Error, CustomStringConvertible {
    package init() {}

    package var description: String {
        "no more connections can be accepted: the system took the port away (see the line before). Start it again"
    }
}
