import NIOCore
import NIOPosix
import Synchronization

/// A TCP port that leads to another one of this machine, and cuts each connection after a random number of bytes from
/// there, wherever they fall.
package final class CuttingProxy: Sendable {
    private let listener: any Channel
    private let plan: Plan

    /// - Parameter cutAfter: bytes of one connection, of which the last may be the last of a message or in its middle.
    package init(to port: Int, cutAfter: ClosedRange<Int>, _ generator: SeededGenerator) async throws {
        let plan = Plan(port: port, cutAfter: cutAfter, generator: generator)
        self.plan = plan
        self.listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in
                client.eventLoop.makeCompletedFuture {
                    try client.pipeline.syncOperations.addHandler(Opener(plan))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get(within: .patience)
    }

    deinit {
        self.listener.close(promise: nil)
    }

    package var port: Int { self.listener.localAddress?.port ?? 0 }

    /// Connections that it has cut.
    package var cuts: Int { self.plan.cuts }

    /// Where connections lead that are made from now on.
    package func redirect(to port: Int) { self.plan.redirect(to: port) }

    /// Connections made from now on are left alone.
    package func stopCutting() { self.plan.stopCutting() }
}

private final class Plan: Sendable {
    private struct State {
        var port: Int
        var cutAfter: ClosedRange<Int>?
        var generator: SeededGenerator
        var cuts = 0
    }

    private let state: Mutex<State>

    init(port: Int, cutAfter: ClosedRange<Int>, generator: SeededGenerator) {
        self.state = Mutex(State(port: port, cutAfter: cutAfter, generator: generator))
    }

    var cuts: Int { self.state.withLock { $0.cuts } }

    func redirect(to port: Int) { self.state.withLock { $0.port = port } }

    func stopCutting() { self.state.withLock { $0.cutAfter = nil } }

    /// For a new connection.
    func next() -> (port: Int, bytes: Int) {
        self.state.withLock { state in
            (state.port, state.cutAfter.map { Int.random(in: $0, using: &state.generator) } ?? .max)
        }
    }

    func hasCut() { self.state.withLock { $0.cuts += 1 } }
}

/// Reads nothing of a client before there is a way on.
private final class Opener: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let plan: Plan

    init(_ plan: Plan) {
        self.plan = plan
    }

    func channelActive(context: ChannelHandlerContext) {
        let (client, plan) = (context.channel, self.plan)
        let (port, bytes) = plan.next()
        ClientBootstrap(group: client.eventLoop)
            .channelOption(.autoRead, value: false)
            .connect(host: "127.0.0.1", port: port)
            .whenComplete { result in
                guard case .success(let server) = result, client.isActive else { return client.close(promise: nil) }
                try? client.pipeline.syncOperations.addHandler(Passer(to: server, plan, cutAfter: .max))
                try? server.pipeline.syncOperations.addHandler(Passer(to: client, plan, cutAfter: bytes))
                for channel in [client, server] { _ = channel.setOption(.autoRead, value: true) }
            }
    }
}

/// Passes on what comes; reads no more while the other side does not take it.
private final class Passer: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private let peer: any Channel
    private let plan: Plan
    private var bytesLeft: Int

    init(to peer: any Channel, _ plan: Plan, cutAfter bytes: Int) {
        self.peer = peer
        self.plan = plan
        self.bytesLeft = bytes
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var data = self.unwrapInboundIn(data)
        if self.bytesLeft == 0 { return }
        let passed = data.readSlice(length: min(self.bytesLeft, data.readableBytes)) ?? ByteBuffer()
        self.bytesLeft -= passed.readableBytes
        guard self.bytesLeft == 0 else { return self.peer.writeAndFlush(passed, promise: nil) }
        self.plan.hasCut()
        self.peer.writeAndFlush(passed).whenComplete { [peer] _ in peer.close(promise: nil) }
        context.close(promise: nil)
    }

    func read(context: ChannelHandlerContext) {
        if self.peer.isWritable { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { self.peer.read() }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        if self.bytesLeft > 0 { self.peer.close(promise: nil) }
    }
}
