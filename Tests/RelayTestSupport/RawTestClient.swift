import Glibc
package import NIOCore
import NIOPosix

/// A TCP connection that sends what it is told, right or wrong, and keeps what comes back.
package final class RawTestClient: Sendable {
    private struct Received {
        var text = ""
        var hasEnded = false
    }

    private let channel: any Channel
    private let received: Watched<Received>

    private init(channel: any Channel, received: Watched<Received>) {
        self.channel = channel
        self.received = received
    }

    /// - Parameters:
    ///   - source: the address that it comes from, if not 127.0.0.1: this machine has all that begin with 127.
    ///   - reads: whether it reads at all.
    package static func connect(
        port: Int,
        from source: String? = nil,
        reads: Bool = true
    ) async throws -> RawTestClient {
        let received = Watched(Received())
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        if let source { bootstrap = bootstrap.bind(to: try SocketAddress(ipAddress: source, port: 0)) }
        let channel =
            try await bootstrap
            .channelOption(.autoRead, value: reads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Reader(received: received))
                }
            }.connect(host: "127.0.0.1", port: port).get(within: .patience)
        return RawTestClient(channel: channel, received: received)
    }

    /// Returns when the system has taken the bytes.
    /// - Throws: if the connection is gone.
    package func send(_ bytes: ByteBuffer) async throws {
        try await self.channel.writeAndFlush(bytes).get(within: .patience)
    }

    package func send(_ text: String) async throws {
        try await self.send(ByteBuffer(string: text))
    }

    /// Sends without waiting: what the peer does not take stays here.
    package func pile(_ bytes: ByteBuffer) {
        self.channel.writeAndFlush(bytes, promise: nil)
    }

    /// All that came, when the server has closed.
    package func whenEnded() async throws -> String {
        try await self.received.when { $0.hasEnded }.text
    }

    @discardableResult
    package func whenReceived(_ text: String) async throws -> String {
        try await self.received.when { $0.text.contains(text) || $0.hasEnded }.text
    }

    package func close() async {
        try? await self.channel.close().get(within: .patience)
    }

    /// Ends the connection by a reset.
    package func reset() async {
        if let socket = self.channel as? any SocketOptionProvider {
            try? await socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get(within: .patience)
        }
        await self.close()
    }

    private final class Reader: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let received: Watched<Received>

        init(received: Watched<Received>) {
            self.received = received
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let text = String(buffer: self.unwrapInboundIn(data))
            self.received.change { $0.text += text }
        }

        func channelInactive(context: ChannelHandlerContext) {
            self.received.change { $0.hasEnded = true }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
