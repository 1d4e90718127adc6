import NIOCore
import NIOHTTP1
import NIOPosix

/// `GET /health` at a relay, as a client: for the program's own check of another process of it.
package struct HealthRequest: Sendable {
    package struct Answer: Sendable, Equatable {
        package let status: Int
        package let body: String
    }

    /// From the connect to the last byte. A relay answers within milliseconds; a container's check is given up by its
    /// engine after 30 s.
    private static let patience = TimeAmount.seconds(5)
    /// An answer is some 500 bytes. Whoever listens there may be no relay.
    private static let maximumBytes = 64 << 10

    private let host: String
    private let port: Int
    private let target: String

    package init(host: String, port: Int, basePath: BasePath) {
        self.host = host
        self.port = port
        self.target = basePath.text + "/health"
    }

    /// - Throws: `NoAnswer`.
    package func send() async throws(NoAnswer) -> Answer {
        do {
            return try await self.exchange()
        } catch {
            throw NoAnswer(host: self.host, port: self.port, reason: Self.reason(error))
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case ChannelError.connectTimeout: "no answer within 5 s"
        case ChannelError.eof: "the connection was closed without an answer"
        case let error as NIOConnectionError: error.connectionErrors.first.map { "\($0.error)" } ?? "\(error)"
        default: "\(error)"
        }
    }

    private func exchange() async throws -> Answer {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = eventLoop.makePromise(of: Answer.self)
        let deadline = eventLoop.scheduleTask(in: Self.patience) {
            answer.fail(ChannelError.connectTimeout(Self.patience))
        }
        defer { deadline.cancel() }
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: eventLoop)
                .connectTimeout(Self.patience)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHTTPClientHandlers()
                        try channel.pipeline.syncOperations.addHandlers([
                            NIOHTTPClientResponseAggregator(maxContentLength: Self.maximumBytes),
                            HealthAnswerHandler(answer: answer),
                        ])
                    }
                }
                .connect(host: self.host, port: self.port).get()
        } catch {
            // Also where the channel was never made, so that nobody is left with the promise.
            answer.fail(error)
            throw error
        }
        defer { channel.close(promise: nil) }
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: self.target)
        head.headers.add(name: "Host", value: self.host.contains(":") ? "[\(self.host)]" : self.host)
        head.headers.add(name: "Connection", value: "close")
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        return try await answer.futureResult.get()
    }
}

/// Nothing answers as a relay does.
package struct NoAnswer: Error, CustomStringConvertible {
    package let host: String
    package let port: Int
    package let reason: String

    package var description: String {
        """
        no relay answers at \(self.host):\(self.port): \(self.reason). Start it, or give the settings that it was \
        started with
        """
    }
}

private final class HealthAnswerHandler: ChannelInboundHandler {
    typealias InboundIn = NIOHTTPClientResponseFull

    private let answer: EventLoopPromise<HealthRequest.Answer>

    init(answer: EventLoopPromise<HealthRequest.Answer>) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let response = self.unwrapInboundIn(data)
        let body = response.body.map { String(buffer: $0) } ?? ""
        self.answer.succeed(HealthRequest.Answer(status: Int(response.head.status.code), body: body))
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.answer.fail(ChannelError.eof)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.answer.fail(error)
        context.close(promise: nil)
    }
}
