import NIOCore
import NIOPosix

/// A TCP server that takes connections and never says a word.
package final class SilentServer: Sendable {
    private let channel: any Channel
    private let connections: Inbox<Void>

    package init() async throws {
        let connections = Inbox<Void>()
        self.connections = connections
        self.channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                connections.put(())
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get(within: .patience)
    }

    deinit {
        self.channel.close(promise: nil)
    }

    package var port: Int { self.channel.localAddress?.port ?? 0 }

    /// Returns when somebody has connected. Once for each connection.
    package func whenConnected() async throws {
        _ = try await self.connections.next()
    }
}
