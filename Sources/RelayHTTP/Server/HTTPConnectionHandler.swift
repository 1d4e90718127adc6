package import NIOCore
package import NIOHTTP1
import RelayCore

/// The HTTP side of a connection: takes requests one at a time, writes their answers, and turns the connection into a
/// WebSocket or an event stream when that is the answer.
///
/// NIO's own upgrade handlers are not used: they drop the head of a request that has an `Upgrade` header and is not
/// upgraded, and look only at the first request of a connection, while proxies reuse kept-alive ones for upgrades.
package final class HTTPConnectionHandler: ChannelInboundHandler, RemovableChannelHandler {
    package typealias InboundIn = HTTPServerRequestPart
    package typealias OutboundOut = HTTPServerResponsePart

    /// No route takes a body; a small one is read and ignored.
    package static let maximumBodyBytes = 64 << 10
    package static let maximumTargetBytes = 8 << 10
    private static let sliceBytes = 64 << 10

    private let respond: (HTTPRequestHead) -> HTTPDecision
    private let makeSubscriber: (Subscription) -> [any ChannelHandler]
    private let abandon: @Sendable (Subscription) -> Void
    private let report: (HTTPReport) -> Void
    private let whenOver: @Sendable () -> Void
    private let http: HTTPHandlers

    private var head: HTTPRequestHead?
    /// The request that is being answered; the pipelining handler lets no other in before that is done.
    private var exchange: HTTPExchange?
    /// That leads to its answer; cancelled when the peer is gone, since it may wait for something.
    private var work: Task<Void, Never>?
    private var bodyBytes = 0
    private var isClosed = false
    /// The connection is a subscriber's now, or about to be: what else came behind the request is not HTTP's any more.
    private var isHandedOver = false
    private var isToQuiesce = false

    /// The handlers before this one, which an upgrade removes.
    package struct HTTPHandlers {
        package let decoder: ByteToMessageHandler<HTTPRequestDecoder>
        package let encoder: HTTPResponseEncoder
        package let deadline: RequestDeadline
        package let pipelining: HTTPServerPipelineHandler
        /// Ends connections on which nothing moves.
        package let idle: IdleStateHandler

        /// - Parameter firstDeadline: of the first request; nil: its time begins now.
        package init(timeouts: HTTPTimeouts = HTTPTimeouts(), firstDeadline: NIODeadline? = nil) {
            var limits = NIOHTTPDecoderLimitConfiguration()
            limits.maxHeaderFieldSize = 16 << 10
            limits.maxHeaderListSize = 64 << 10
            limits.maxHeaderFieldCount = 100
            let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits)
            self.decoder = ByteToMessageHandler(decoder)
            self.encoder = HTTPResponseEncoder()
            self.deadline = RequestDeadline(limit: TimeAmount(timeouts.request), first: firstDeadline)
            self.pipelining = HTTPServerPipelineHandler()
            self.idle = IdleStateHandler(allTimeout: TimeAmount(timeouts.keepAlive))
        }

        /// As a pipeline needs them, from the socket on.
        package var inOrder: [any ChannelHandler] {
            [self.idle, self.encoder, self.decoder, self.deadline, self.pipelining]
        }
    }

    /// - Parameters:
    ///   - respond: decides on a request, on the event loop. Its work must not throw.
    ///   - makeSubscriber: makes the handlers of a WebSocket or an event stream, which take bytes and write bytes; called
    ///     on the event loop.
    ///   - abandon: called instead, if the connection is gone before the upgrade.
    ///   - report: told of each request that was answered, and of those that were refused here.
    ///   - whenOver: called once, when the connection is closed or no HTTP any more.
    package init(
        respond: @escaping (HTTPRequestHead) -> HTTPDecision,
        makeSubscriber: @escaping (Subscription) -> [any ChannelHandler],
        abandon: @escaping @Sendable (Subscription) -> Void,
        report: @escaping (HTTPReport) -> Void = { _ in },
        whenOver: @escaping @Sendable () -> Void = {},
        http: HTTPHandlers
    ) {
        self.respond = respond
        self.makeSubscriber = makeSubscriber
        self.abandon = abandon
        self.report = report
        self.whenOver = whenOver
        self.http = http
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if self.isHandedOver { return }
        switch self.unwrapInboundIn(data) {
        case .head(let head):
            self.bodyBytes = 0
            if head.headers.contains(name: "Expect") {
                let problem = Problem(
                    .expectationFailed,
                    "requests here have no body: leave it out, and the header Expect"
                )
                return self.refuse(problem, to: head, keepAlive: false, context)
            }
            self.head = head
        case .body(let bytes):
            self.bodyBytes += bytes.readableBytes
            if self.bodyBytes > Self.maximumBodyBytes, let head = self.head {
                self.head = nil
                let problem = Problem(.payloadTooLarge, "requests here have no body: leave it out")
                self.refuse(problem, to: head, keepAlive: false, context)
            }
        case .end:
            guard let head = self.head.take() else { return }
            self.answer(head, context)
        }
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        if head.uri.utf8.count > Self.maximumTargetBytes {
            let problem = Problem(.uriTooLong, "the URL is longer than \(Self.maximumTargetBytes) bytes: shorten it")
            return self.refuse(problem, to: head, keepAlive: head.canKeepAlive, context)
        }
        self.begin(head)
        switch self.respond(head) {
        case .answer(let answer):
            self.give(answer, to: head, context)
        case .work(let work):
            let answer = context.eventLoop.makePromise(of: HTTPAnswer.self)
            self.work = answer.completeWithTask(work)
            answer.futureResult.assumeIsolated().whenSuccess { answer in
                self.work = nil
                self.give(answer, to: head, context)
            }
        }
    }

    private func give(_ answer: HTTPAnswer, to head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        switch answer {
        case .response(let response):
            if self.isClosed { return }
            self.write(response, to: head, keepAlive: head.canKeepAlive, context)
        case .subscription(let response, let subscription):
            if self.isClosed { return self.abandon(subscription) }
            self.handOver(to: subscription, response, context)
        }
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent where self.isHandedOver:
            self.isToQuiesce = true
        case is IdleStateHandler.IdleStateEvent:
            context.close(promise: nil)
        case RequestDeadline.Refusal.decided(let problem):
            self.report(.refused(problem))
        case RequestDeadline.Refusal.answered(let status, let bytes, let start):
            var exchange = HTTPExchange(of: self.head ?? .unknown, start: start)
            (exchange.status, exchange.bytes) = (Int(status.code), bytes)
            self.report(.answered(exchange))
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.isClosed = true
        self.work?.cancel()
        self.whenOver()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        self.isClosed = true
        self.work?.cancel()
        // Its answer has not left in full.
        self.end()
        context.fireChannelInactive()
    }

    // MARK: - What is told of requests

    private func begin(_ head: HTTPRequestHead) {
        self.exchange = HTTPExchange(of: head, start: .now())
    }

    /// Tells of the request, if it was answered at all.
    private func end() {
        guard let exchange = self.exchange.take(), exchange.status != 0 else { return }
        self.report(.answered(exchange))
    }

    /// An answer that no route has given.
    private func refuse(
        _ problem: Problem,
        to head: HTTPRequestHead,
        keepAlive: Bool,
        _ context: ChannelHandlerContext
    ) {
        self.begin(head)
        self.report(.refused(problem))
        self.write(problem.response, to: head, keepAlive: keepAlive, context)
    }

    // MARK: - Responses

    private func write(
        _ response: HTTPResponse,
        to head: HTTPRequestHead,
        keepAlive: Bool,
        _ context: ChannelHandlerContext
    ) {
        var headers = response.headers
        if !keepAlive {
            headers.replaceOrAdd(name: "Connection", value: "close")
        } else if head.isHTTP1_0 {
            headers.replaceOrAdd(name: "Connection", value: "keep-alive")
        }
        self.exchange?.route = response.route
        self.exchange?.status = Int(response.status.code)
        switch response.body {
        case .bytes(let body):
            if response.status != .noContent {
                headers.replaceOrAdd(name: "Content-Length", value: "\(body.readableBytes)")
            }
            self.writeHead(response.status, headers, to: head, context)
            // The end lets the next request in: not before the answer has left, even if it is a head only, or requests
            // that are sent without reading the answers would pile these up.
            let hasLeft = context.eventLoop.makePromise(of: Void.self)
            self.write(head.method == .HEAD ? ByteBuffer() : body, hasLeft, to: context.channel)
            hasLeft.futureResult.assumeIsolated().whenSuccess { self.writeEnd(keepAlive: keepAlive, context) }
        case .stream(let produce):
            // Without chunks its end is the connection's; and the encoder would end a HEAD's body that isn't there.
            let keepAlive = keepAlive && !head.isHTTP1_0 && head.method != .HEAD
            if !keepAlive { headers.replaceOrAdd(name: "Connection", value: "close") }
            self.writeHead(response.status, headers, to: head, context)
            if head.method == .HEAD { return self.closeFlushed(context) }
            self.stream(produce, keepAlive: keepAlive, context)
        }
    }

    private func stream(
        _ produce: @escaping @Sendable (@Sendable (ByteBuffer) async throws -> Void) async throws -> Void,
        keepAlive: Bool,
        _ context: ChannelHandlerContext
    ) {
        let channel = context.channel
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let done = context.eventLoop.makeFutureWithTask {
            try await produce { piece in
                let hasLeft = channel.eventLoop.makePromise(of: Void.self)
                channel.eventLoop.execute { bound.value.write(piece, hasLeft, to: channel) }
                try await hasLeft.futureResult.get()
            }
        }
        done.assumeIsolated().whenComplete { result in
            switch result {
            case .success: self.writeEnd(keepAlive: keepAlive, context)
            // The end of a body that broke off must not look like its end.
            case .failure: context.close(promise: nil)
            }
        }
    }

    /// In slices: each that leaves is a sign of life to the idle timeout, also where the whole takes minutes. Each is
    /// flushed by itself, since TLS makes one write of all that is flushed together.
    private func write(_ body: ByteBuffer, _ hasLeft: EventLoopPromise<Void>, to channel: any Channel) {
        var rest = body
        while rest.readableBytes > Self.sliceBytes, let slice = rest.readSlice(length: Self.sliceBytes) {
            self.writeSlice(slice, channel.eventLoop.makePromise(), to: channel)
        }
        self.writeSlice(rest, hasLeft, to: channel)
    }

    private func writeSlice(_ slice: ByteBuffer, _ hasLeft: EventLoopPromise<Void>, to channel: any Channel) {
        hasLeft.futureResult.assumeIsolated().whenSuccess { self.exchange?.bytes += slice.readableBytes }
        channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(slice)), promise: hasLeft)
    }

    private func writeHead(
        _ status: HTTPResponseStatus,
        _ headers: HTTPHeaders,
        to head: HTTPRequestHead,
        _ context: ChannelHandlerContext
    ) {
        // The answer to HTTP/1.0 must not be chunked; the encoder sees to it by the version.
        let version: HTTPVersion = head.isHTTP1_0 ? .http1_0 : .http1_1
        let head = HTTPResponseHead(version: version, status: status, headers: headers)
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
    }

    private func closeFlushed(_ context: ChannelHandlerContext) {
        self.end()
        let hasLeft = context.eventLoop.makePromise(of: Void.self)
        hasLeft.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
        context.writeAndFlush(self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer()))), promise: hasLeft)
    }

    private func writeEnd(keepAlive: Bool, _ context: ChannelHandlerContext) {
        self.end()
        let promise = keepAlive ? nil : context.eventLoop.makePromise(of: Void.self)
        promise?.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: promise)
    }

    /// Bytes that are no HTTP.
    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if self.isHandedOver { return }
        guard let error = error as? HTTPParserError else {
            if let reason = TLSFailure.reason(of: error) { self.report(.handshakeFailed(reason: reason)) }
            return context.close(promise: nil)
        }
        let problem =
            error == .headerOverflow
            ? Problem(.requestHeaderFieldsTooLarge, "the request's headers are too large: send fewer and shorter ones")
            : Problem(.badRequest, "the request is not valid HTTP: \(error)")
        self.refuse(problem, to: .unknown, keepAlive: false, context)
    }

    // MARK: - The end of HTTP

    private func handOver(
        to subscription: Subscription,
        _ response: HTTPResponse,
        _ context: ChannelHandlerContext
    ) {
        self.exchange?.route = response.route
        self.exchange?.status = Int(response.status.code)
        self.end()
        let pipeline = context.pipeline.syncOperations
        // The pipelining handler hands on what it has kept when it goes: requests, and that the server shuts down.
        self.isHandedOver = true
        do {
            // From the far end on, so that nothing the subscriber writes meets an HTTP handler. The request decoder
            // goes last: it hands on what the client sent behind its request, which must find the new handlers.
            pipeline.removeHandler(self.http.idle, promise: nil)
            pipeline.removeHandler(self.http.pipelining, promise: nil)
            pipeline.removeHandler(self.http.deadline, promise: nil)
            pipeline.removeHandler(self.http.encoder, promise: nil)
            context.write(NIOAny(response.headBytes), promise: nil)
            try pipeline.addHandlers(self.makeSubscriber(subscription))
            context.flush()
            pipeline.removeHandler(context: context, promise: nil)
            pipeline.removeHandler(self.http.decoder, promise: nil)
            if self.isToQuiesce { context.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
        } catch {
            // Only a channel that is closed by now refuses handlers, and does so before the subscriber is one of them.
            self.abandon(subscription)
            context.close(promise: nil)
        }
    }
}

extension HTTPRequestHead {
    /// In the place of one that can't be understood, or did not come in full.
    fileprivate static var unknown: HTTPRequestHead { HTTPRequestHead(version: .http1_1, method: .GET, uri: "/") }

    /// The decoder parses nothing behind a request that could have changed the protocol, so its connection ends.
    fileprivate var canKeepAlive: Bool {
        self.isKeepAlive && self.method != .CONNECT && !self.headers.contains(name: "Upgrade")
    }

    fileprivate var isHTTP1_0: Bool { self.version == .http1_0 }
}
