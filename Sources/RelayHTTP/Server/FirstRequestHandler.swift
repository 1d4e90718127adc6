package import NIOCore
package import NIOHTTP1
import RelayCore

/// What a connection begins with, as long as it has said nothing. It takes a WebSocket's handshake that comes in one
/// piece, as nearly all do; for anything else the handlers of HTTP take its place.
///
/// A storm of clients that come back is made of handshakes. HTTP's handlers, put in and taken out again for each, with
/// their timers, took a third of what a connect cost.
package final class FirstRequestHandler: ChannelInboundHandler, RemovableChannelHandler, TakesTurns {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// In bytes of replay, which turns are counted in: what a handshake costs is about what it costs to send so many.
    private static let turnCost = 32 << 10

    /// When it has to have said something.
    let deadline: NIODeadline
    /// Its place among those that have said nothing; kept by them.
    var silentIndex: Int?

    /// A handshake, and whatever came with it or behind it.
    private struct Received {
        var bytes: ByteBuffer
        let request: HandshakeRequest
    }

    private let hub: LoopHub
    private let respond: (HTTPRequestHead) -> HTTPDecision
    private let makeSubscriber: (Subscription) -> [any ChannelHandler]
    private let makeHTTP: (HTTPDecision?) -> [any ChannelHandler]
    private let abandon: @Sendable (Subscription) -> Void
    private let report: (HTTPReport) -> Void
    private let whenOver: @Sendable () -> Void

    private var context: ChannelHandlerContext?
    /// What has come, until it is its turn.
    private var received: Received?
    /// HTTP's handlers have taken over, and with them what is to be done when the connection is over.
    private var isHandedOn = false

    /// - Parameters:
    ///   - deadline: when it has to have said something.
    ///   - respond: decides on a request. Its work must not throw.
    ///   - makeSubscriber: makes the handlers of a WebSocket, which take bytes and write bytes.
    ///   - makeHTTP: makes the handlers of HTTP; given what was decided on the request that comes next, if it was.
    ///   - abandon: called if the connection is gone before the upgrade.
    ///   - report: told of each handshake that was answered here.
    ///   - whenOver: called once, when the connection is closed or a WebSocket, unless HTTP's handlers took over.
    package init(
        deadline: NIODeadline,
        hub: LoopHub,
        respond: @escaping (HTTPRequestHead) -> HTTPDecision,
        makeSubscriber: @escaping (Subscription) -> [any ChannelHandler],
        makeHTTP: @escaping (HTTPDecision?) -> [any ChannelHandler],
        abandon: @escaping @Sendable (Subscription) -> Void,
        report: @escaping (HTTPReport) -> Void,
        whenOver: @escaping @Sendable () -> Void
    ) {
        self.deadline = deadline
        self.hub = hub
        self.respond = respond
        self.makeSubscriber = makeSubscriber
        self.makeHTTP = makeHTTP
        self.abandon = abandon
        self.report = report
        self.whenOver = whenOver
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.hub.silentConnections.add(self)
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.received = nil
        self.hub.silentConnections.remove(self)
        if !self.isHandedOn { self.whenOver() }
    }

    /// It has said nothing; such as a browser that connects ahead, which expects no answer.
    func deadlinePassed() {
        self.context?.close(promise: nil)
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        self.hub.silentConnections.remove(self)
        if var received = self.received.take() {
            // More than a handshake: it does not wait for its turn while more piles up.
            received.bytes.writeBuffer(&bytes)
            return self.take(received, isReading: true, context)
        }
        guard let request = bytes.withUnsafeReadableBytes({ HandshakeRequest($0) }),
            request.head.headers.contains(name: "Upgrade")
        else {
            // No turn is worth waiting for: a client may have ended its half, and be gone by then.
            return self.handOn(bytes, nil, isReading: true, context)
        }
        self.received = Received(bytes: bytes, request: request)
        self.hub.awaitTurn(self)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        // Nothing is begun for who is gone.
        self.received = nil
        context.fireChannelInactive()
    }

    @discardableResult
    package func takeTurn() -> Int {
        guard let context = self.context, let received = self.received.take() else { return 0 }
        self.take(received, isReading: false, context)
        return Self.turnCost
    }

    /// - Parameter isReading: the end of a read is still to be told.
    private func take(_ received: Received, isReading: Bool, _ context: ChannelHandlerContext) {
        let (bytes, request) = (received.bytes, received.request)
        var exchange = HTTPExchange(of: request.head, start: .now())
        switch self.respond(request.head) {
        case .answer(.subscription(let response, let subscription)) where response.status == .switchingProtocols:
            exchange.route = response.route
            exchange.status = Int(response.status.code)
            var rest = bytes
            rest.moveReaderIndex(forwardBy: request.length)
            self.becomeWebSocket(response, subscription, exchange, rest, isReading: isReading, context)
        case let decision:
            self.handOn(bytes, decision, isReading: isReading, context)
        }
    }

    /// - Parameter decision: on the request that the bytes begin with.
    private func handOn(
        _ bytes: ByteBuffer,
        _ decision: HTTPDecision?,
        isReading: Bool,
        _ context: ChannelHandlerContext
    ) {
        do {
            try context.pipeline.syncOperations.addHandlers(self.makeHTTP(decision))
        } catch {
            // It is closed already.
            return context.close(promise: nil)
        }
        self.isHandedOn = true
        context.fireChannelRead(self.wrapInboundOut(bytes))
        if !isReading { context.fireChannelReadComplete() }
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    private func becomeWebSocket(
        _ response: HTTPResponse,
        _ subscription: Subscription,
        _ exchange: HTTPExchange,
        _ rest: ByteBuffer,
        isReading: Bool,
        _ context: ChannelHandlerContext
    ) {
        let pipeline = context.pipeline.syncOperations
        context.write(self.wrapOutboundOut(response.headBytes), promise: nil)
        do {
            try pipeline.addHandlers(self.makeSubscriber(subscription))
        } catch {
            // Only a channel that is closed by now refuses handlers, and does so before the subscriber is one of them.
            self.abandon(subscription)
            return context.close(promise: nil)
        }
        context.flush()
        self.report(.answered(exchange))
        if rest.readableBytes > 0 {
            context.fireChannelRead(self.wrapInboundOut(rest))
            if !isReading { context.fireChannelReadComplete() }
        }
        pipeline.removeHandler(context: context, promise: nil)
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is ChannelShouldQuiesceEvent else { return context.fireUserInboundEventTriggered(event) }
        if self.received == nil { return context.close(promise: nil) }
        // Whoever takes its place has to hear of it, too.
        let pipeline = context.pipeline.syncOperations
        self.takeTurn()
        pipeline.fireUserInboundEventTriggered(event)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
