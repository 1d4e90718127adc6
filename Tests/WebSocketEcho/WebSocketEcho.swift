import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import RelayCore
import RelayHTTP

/// Sends every message back. The way to the WebSocket and the judgement of frames are the relay's own, so that what a
/// conformance suite finds out about this program holds for the relay.
@main
struct WebSocketEcho {
    /// What the largest cases of the suite send.
    static let maximumMessageBytes = 16 << 20

    static func main() async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.configure(channel) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        print("port=\(server.localAddress?.port ?? 0)")
        fflush(nil)
        try await server.closeFuture.get()
    }

    private static func configure(_ channel: any Channel) throws {
        let http = HTTPConnectionHandler.HTTPHandlers()
        let subscription = Subscription(ChannelSelection(try ChannelName("echo")), kind: .raw, resumePoint: nil)
        let handler = HTTPConnectionHandler(
            respond: { head in
                do throws(Problem) {
                    var response = HTTPResponse(status: .switchingProtocols)
                    response.headers = try WebSocketHandshake.answer(to: head)
                    return .answer(.subscription(response, subscription))
                } catch {
                    return .answer(.response(error.response))
                }
            },
            makeSubscriber: { _ in
                let decoder = WebSocketFrameDecoder(maxFrameSize: self.maximumMessageBytes)
                return [ByteToMessageHandler(decoder), EchoHandler(maximumMessageBytes: self.maximumMessageBytes)]
            },
            abandon: { _ in },
            http: http
        )
        try channel.pipeline.syncOperations.addHandlers(http.inOrder + [handler])
    }
}
