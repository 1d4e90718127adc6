import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOWebSocket
import RelayCore
import RelayHTTP
import RelayTestSupport
import Synchronization

enum TestConnection {
    /// A connection as the server makes it, whose answers are all 204.
    /// - Parameter report: is told what the connection has to tell.
    static func make(
        report: @escaping @Sendable (HTTPReport) -> Void = { _ in }
    ) async throws -> NIOAsyncTestingChannel {
        try await Made(.answer(.response(HTTPResponse(status: .noContent))), report: report).channel
    }

    static func hub(on loop: NIOAsyncTestingEventLoop) -> NIOLoopBoundBox<LoopHub> {
        let hub = LoopHub(eventLoop: loop, head: 1, observer: RecordingObserver())
        return NIOLoopBoundBox.makeBoxSendingValue(hub, eventLoop: loop)
    }

    /// A connection as the server makes it, that decides the same on each request. It writes down what happens to it.
    final class Made: Sendable {
        let channel: NIOAsyncTestingChannel
        private let report: @Sendable (HTTPReport) -> Void
        private let log = Mutex<[String]>([])

        init(
            _ decision: HTTPDecision,
            on loop: NIOAsyncTestingEventLoop = NIOAsyncTestingEventLoop(),
            _ hub: NIOLoopBoundBox<LoopHub>? = nil,
            report: @escaping @Sendable (HTTPReport) -> Void = { _ in }
        ) async throws {
            self.report = report
            let channel = NIOAsyncTestingChannel(loop: loop)
            self.channel = channel
            let hub = hub ?? TestConnection.hub(on: loop)
            try await loop.executeInContext {
                try channel.pipeline.syncOperations.addHandler(self.makeHandler(decision, hub.value, loop))
            }
            try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).get()
        }

        var events: [String] { self.log.withLock { $0 } }

        private func note(_ event: String) {
            self.log.withLock { $0.append(event) }
        }

        private func makeHandler(
            _ decision: HTTPDecision,
            _ hub: LoopHub,
            _ loop: NIOAsyncTestingEventLoop
        ) -> FirstRequestHandler {
            let deadline = loop.now + TimeAmount(HTTPTimeouts().request)
            let respond = { (_: HTTPRequestHead) in
                self.note("respond")
                return decision
            }
            let makeSubscriber = { (_: Subscription) -> [any ChannelHandler] in
                self.note("subscriber")
                let decoder = WebSocketFrameDecoder(maxFrameSize: WebSocketHandler.maximumMessageBytes)
                return [ByteToMessageHandler(decoder), Frames()]
            }
            let report = { (report: HTTPReport) in
                self.report(report)
                if case .answered(let exchange) = report { self.note("answered \(exchange.status)") }
            }
            return FirstRequestHandler(
                deadline: deadline,
                hub: hub,
                respond: respond,
                makeSubscriber: makeSubscriber,
                makeHTTP: { decided in
                    self.note("HTTP")
                    let http = HTTPConnectionHandler.HTTPHandlers(firstDeadline: deadline)
                    var decided = decided
                    let handler = HTTPConnectionHandler(
                        respond: { decided.take() ?? respond($0) },
                        makeSubscriber: makeSubscriber,
                        abandon: { _ in self.note("abandoned") },
                        report: report,
                        whenOver: { self.note("over") },
                        http: http
                    )
                    // Without the idle timeout, which goes by the real time.
                    return Array(http.inOrder.dropFirst()) + [handler]
                },
                abandon: { _ in self.note("abandoned") },
                report: report,
                whenOver: { self.note("over") }
            )
        }

        /// And gives the connection its turn.
        func send(_ bytes: ByteBuffer) async throws {
            try await self.channel.writeInbound(bytes)
            await self.channel.testingEventLoop.run()
        }

        func send(_ text: String) async throws {
            try await self.send(ByteBuffer(string: text))
        }

        func sent() async throws -> String {
            var text = ""
            while let bytes = try await self.channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: bytes) }
            return text
        }
    }

    /// Stands for a subscriber, and lets frames pass.
    private final class Frames: ChannelInboundHandler {
        typealias InboundIn = WebSocketFrame
    }
}
