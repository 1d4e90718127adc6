import FoundationEssentials
package import NIOCore
package import NIOHTTP1

/// Reads an answer that is no WebSocket, and ends the connection.
package final class RefusalHandler: ChannelInboundHandler {
    package typealias InboundIn = HTTPClientResponsePart

    /// A problem of the relay is a sentence; what a proxy shows to people in its place may be longer, and isn't wanted.
    private static let maximumBodyBytes = 64 << 10

    private let refused: EventLoopPromise<HandshakeRefusal>
    private var head: HTTPResponseHead?
    private var body = ByteBuffer()

    /// - Parameter refused: succeeded with as much of the answer as came, failed if there was none.
    package init(_ refused: EventLoopPromise<HandshakeRefusal>) {
        self.refused = refused
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
        case .body(var bytes):
            let room = Self.maximumBodyBytes - self.body.readableBytes
            if let taken = bytes.readSlice(length: min(room, bytes.readableBytes)) {
                self.body.writeImmutableBuffer(taken)
            }
            if self.body.readableBytes == Self.maximumBodyBytes { context.close(promise: nil) }
        case .end:
            context.close(promise: nil)
        }
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        guard let head else { return self.refused.fail(ChannelError.eof) }
        self.refused.succeed(HandshakeRefusal(head, self.body))
    }
}

extension HandshakeRefusal {
    private struct Problem: Decodable {
        let detail: String?
        let title: String?
    }

    package init(_ head: HTTPResponseHead, _ body: ByteBuffer) {
        let type = head.headers.first(name: "Content-Type") ?? ""
        let problem = try? JSONDecoder().decode(Problem.self, from: Data(body.readableBytesView))
        // A date may stand there as well; who sends one gets the usual wait.
        let seconds = head.headers.first(name: "Retry-After").flatMap { UInt32($0) }
        self.init(
            status: Int(head.status.code),
            isProblem: type.lowercased().hasPrefix("application/problem+json"),
            detail: problem?.detail ?? problem?.title ?? head.status.reasonPhrase,
            retryAfter: seconds.map { .seconds($0) }
        )
    }
}
