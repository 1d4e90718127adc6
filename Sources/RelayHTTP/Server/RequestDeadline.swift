package import NIOCore
package import NIOHTTP1

/// Ends connections whose request does not come to its end: a client that sends a byte now and then would hold one for
/// ever, since the idle timeout sees something move.
///
/// It stands behind the decoder and hears of bytes that don't end a request by a read that brings none of its parts.
package final class RequestDeadline: ChannelDuplexHandler, RemovableChannelHandler {
    package typealias InboundIn = HTTPServerRequestPart
    package typealias InboundOut = HTTPServerRequestPart
    package typealias OutboundIn = HTTPServerResponsePart
    package typealias OutboundOut = HTTPServerResponsePart

    private let limit: TimeAmount
    private let first: NIODeadline?
    /// How long the answer may take to leave.
    private static let closeTimeout: TimeAmount = .seconds(2)

    private var deadline: Scheduled<Void>?
    /// When its time began.
    private var began = NIODeadline.uptimeNanoseconds(0)
    /// Requests that have come in full and are not answered. What follows them is not read, and so can't be late.
    private var unanswered = 0
    private var hasReceived = false
    private var hasEndedInThisRead = false
    private var isOver = false

    /// - Parameters:
    ///   - limit: see `HTTPTimeouts.request`.
    ///   - first: when the first request has to be complete; nil: its time begins when this handler is added.
    package init(limit: TimeAmount, first: NIODeadline? = nil) {
        self.limit = limit
        self.first = first
    }

    /// What becomes of a request that is too late: events for the handlers behind it.
    package enum Refusal: Sendable {
        case decided(Problem)
        /// The answer was sent.
        /// - bytes: of its body.
        /// - start: of the request.
        case answered(HTTPResponseStatus, bytes: Int, start: NIODeadline)
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.start(context, until: self.first ?? context.eventLoop.now + self.limit)
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.deadline.take()?.cancel()
    }

    private func start(_ context: ChannelHandlerContext, until deadline: NIODeadline) {
        self.began = context.eventLoop.now
        self.deadline = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.deadlinePassed(context)
        }
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if self.isOver { return }
        if case .end = self.unwrapInboundIn(data) {
            self.deadline.take()?.cancel()
            self.unanswered += 1
            self.hasEndedInThisRead = true
        }
        context.fireChannelRead(data)
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        self.hasReceived = true
        if self.deadline == nil, self.unanswered == 0, !self.hasEndedInThisRead {
            self.start(context, until: context.eventLoop.now + self.limit)
        }
        self.hasEndedInThisRead = false
        context.fireChannelReadComplete()
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = self.unwrapOutboundIn(data) { self.unanswered = max(0, self.unanswered - 1) }
        context.write(data, promise: promise)
    }

    /// To the decoder a request that is cut off by the close is no HTTP. It was refused already.
    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !self.isOver { context.fireErrorCaught(error) }
    }

    private func deadlinePassed(_ context: ChannelHandlerContext) {
        self.deadline = nil
        self.isOver = true
        // Who has said nothing, such as a browser that connects ahead, expects no answer.
        guard self.hasReceived else { return context.close(promise: nil) }
        let milliseconds = self.limit.nanoseconds / 1_000_000
        let time = milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
        let problem = Problem(.requestTimeout, "the request was not complete after \(time): send it faster")
        context.fireUserInboundEventTriggered(Refusal.decided(problem))
        let response = problem.response
        guard case .bytes(let body) = response.body else { preconditionFailure("a problem has its text") }
        var head = HTTPResponseHead(version: .http1_1, status: response.status, headers: response.headers)
        head.headers.replaceOrAdd(name: "Content-Length", value: "\(body.readableBytes)")
        head.headers.replaceOrAdd(name: "Connection", value: "close")
        let hasLeft = context.eventLoop.makePromise(of: Void.self)
        hasLeft.futureResult.assumeIsolated().whenComplete { result in
            if case .success = result {
                let answered = Refusal.answered(response.status, bytes: body.readableBytes, start: self.began)
                context.fireUserInboundEventTriggered(answered)
            }
            context.close(promise: nil)
        }
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
        context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: hasLeft)
        // It may never leave: before a TLS handshake is over, or to a peer that reads nothing.
        let channel = context.channel
        context.eventLoop.scheduleTask(in: Self.closeTimeout) { channel.close(promise: nil) }
    }
}
