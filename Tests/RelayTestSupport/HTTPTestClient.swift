import NIOCore
import NIOHTTP1
import NIOPosix

/// One request on a connection of its own.
package enum HTTPTestClient {
    package struct Response: Sendable {
        package let status: Int
        fileprivate let headers: HTTPHeaders
        package let body: String

        /// All values of a header, joined by commas; nil where it is absent.
        package func header(_ name: String) -> String? {
            let values = self.headers[name]
            return values.isEmpty ? nil : values.joined(separator: ", ")
        }
    }

    package static func get(
        _ target: String,
        port: Int,
        method: String = "GET",
        headers: [String: String] = [:]
    ) async throws -> Response {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: Response.self)
        let channel = try await ClientBootstrap(group: loop).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                try channel.pipeline.syncOperations.addHandlers([
                    NIOHTTPClientResponseAggregator(maxContentLength: 64 << 20), ResponseHandler(promise: promise),
                ])
            }
        }.connect(host: "127.0.0.1", port: port).flatMapErrorThrowing { error in
            promise.fail(error)
            throw error
        }.get(within: .patience)
        var head = HTTPRequestHead(version: .http1_1, method: HTTPMethod(rawValue: method), uri: target)
        head.headers.add(name: "Host", value: "127.0.0.1:\(port)")
        for (name, value) in headers { head.headers.replaceOrAdd(name: name, value: value) }
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        defer { channel.close(promise: nil) }
        return try await promise.futureResult.get(within: .patience)
    }

    /// Sends bytes as they are and returns all that comes back until the server closes.
    package static func exchange(_ bytes: String, port: Int) async throws -> String {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: String.self)
        let channel = try await ClientBootstrap(group: loop).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(BytesHandler(promise: promise))
            }
        }.connect(host: "127.0.0.1", port: port).flatMapErrorThrowing { error in
            promise.fail(error)
            throw error
        }.get(within: .patience)
        defer { channel.close(promise: nil) }
        channel.writeAndFlush(ByteBuffer(string: bytes), promise: nil)
        return try await promise.futureResult.get(within: .patience)
    }
}

private final class ResponseHandler: ChannelInboundHandler {
    typealias InboundIn = NIOHTTPClientResponseFull

    private let promise: EventLoopPromise<HTTPTestClient.Response>

    init(promise: EventLoopPromise<HTTPTestClient.Response>) {
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let response = self.unwrapInboundIn(data)
        self.promise.succeed(
            HTTPTestClient.Response(
                status: Int(response.head.status.code),
                headers: response.head.headers,
                body: response.body.map { String(buffer: $0) } ?? ""
            )
        )
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.promise.fail(ChannelError.eof)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.promise.fail(error)
    }
}

private final class BytesHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let promise: EventLoopPromise<String>
    private var received = ByteBuffer()

    init(promise: EventLoopPromise<String>) {
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.received.writeImmutableBuffer(self.unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.promise.succeed(String(buffer: self.received))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
