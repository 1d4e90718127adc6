import NIOCore
import NIOEmbedded
import RelayHTTP
import Testing

/// The handler on a server's channel, with connections that the test makes up.
struct AcceptPauseTests {
    private final class Server {
        let channel = EmbeddedChannel()
        let connections = ClientCounter(limit: 2)
        var refused = 0
        var failures = 0

        init() throws {
            let pause = AcceptPause(
                connections: self.connections,
                refused: { self.refused += 1 },
                failed: { _ in self.failures += 1 }
            )
            try self.channel.pipeline.syncOperations.addHandler(pause)
            try self.channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        }

        var isReading: Bool {
            let option = self.channel.options.first { $0.option is ChannelOptions.Types.AutoReadOption }
            return option?.value as? Bool ?? true
        }

        /// Handed to its loop, or not; not open if it was closed.
        func accept(_ connection: EmbeddedChannel) throws -> Bool {
            try self.channel.writeInbound(connection as any Channel)
            return try self.channel.readInbound(as: (any Channel).self) != nil
        }

        func fail() {
            self.channel.pipeline.fireErrorCaught(IOError(errnoCode: 24, reason: "accept"))
        }
    }

    @Test
    func `a connection too many is counted and closed before its own loop knows of it`() throws {
        let server = try Server()
        let connections = [EmbeddedChannel(), EmbeddedChannel()]
        for connection in connections { #expect(try server.accept(connection)) }
        #expect(server.connections.count == 2 && server.refused == 0)
        #expect(try !server.accept(EmbeddedChannel()))
        #expect(server.connections.count == 2 && server.refused == 1)
        connections[0].close(promise: nil)
        connections[0].embeddedEventLoop.run()
        #expect(server.connections.count == 1)
        #expect(try server.accept(EmbeddedChannel()))
    }

    @Test
    func `nothing is accepted while a connection too many is not closed yet`() throws {
        let server = try Server()
        for _ in 0..<2 { #expect(try server.accept(EmbeddedChannel())) }
        let slow = SlowToClose()
        let late = EmbeddedChannel(handler: slow)
        #expect(try !server.accept(late))
        #expect(!server.isReading)
        slow.finish()
        late.embeddedEventLoop.run()
        server.channel.embeddedEventLoop.run()
        #expect(server.isReading)
    }

    @Test
    func `accepting goes on a second after it failed`() throws {
        let server = try Server()
        server.fail()
        #expect(!server.isReading)
        server.fail()
        #expect(server.failures == 2)
        server.channel.embeddedEventLoop.advanceTime(by: AcceptPause.duration - .milliseconds(1))
        #expect(!server.isReading)
        server.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(server.isReading)
    }

    /// Holds back its channel's close.
    private final class SlowToClose: ChannelOutboundHandler {
        typealias OutboundIn = Never
        private var held: (() -> Void)?

        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            self.held = { context.close(mode: mode, promise: promise) }
        }

        func finish() { self.held?() }
    }
}
