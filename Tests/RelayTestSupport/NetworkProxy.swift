import NIOCore
import NIOPosix
import Synchronization

/// A TCP port that leads to a server's Unix socket, and that can fall silent: then nothing comes through, no data and no
/// end, as when a cable is pulled.
package final class NetworkProxy: Sendable {
    private let listener: any Channel
    private let way: Way

    package init(to socket: String) async throws {
        let way = Way(target: socket)
        self.way = way
        self.listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in
                client.eventLoop.makeCompletedFuture {
                    try client.pipeline.syncOperations.addHandler(Receptionist(way: way))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get(within: .patience)
    }

    deinit {
        self.listener.close(promise: nil)
        self.way.closeAll()
    }

    package var port: Int { self.listener.localAddress?.port ?? 0 }

    /// Where connections lead that are made from now on.
    package func redirect(to socket: String) { self.way.redirect(to: socket) }

    /// From its return on, nothing comes through. Who connects is kept waiting.
    package func fallSilent() async throws { try await self.way.fallSilent() }

    /// What was held back goes on.
    package func heal() async throws { try await self.way.heal() }
}

private final class Way: Sendable {
    private struct State {
        var target: String
        var isSilent = false
        var channels: [ObjectIdentifier: any Channel] = [:]
        /// Came while it was silent: to be connected.
        var waiting: [any Channel] = []
        /// Arrived while it was silent, with where it goes on: a network that heals has lost nothing of a connection.
        var held: [(data: ByteBuffer, peer: any Channel)] = []
        /// Their other end went away while it was silent.
        var orphans: [any Channel] = []
    }

    private let state: Mutex<State>

    init(target: String) {
        self.state = Mutex(State(target: target))
    }

    /// - Returns: whether it is silent, and keeps the data back.
    func holdsBack(_ data: ByteBuffer, for peer: any Channel) -> Bool {
        self.state.withLock { state in
            if state.isSilent { state.held.append((data, peer)) }
            return state.isSilent
        }
    }

    func redirect(to target: String) {
        self.state.withLock { $0.target = target }
    }

    func accepted(_ client: any Channel) {
        let target = self.state.withLock { state -> String? in
            if state.isSilent { state.waiting.append(client) }
            return state.isSilent ? nil : state.target
        }
        if let target { self.connect(client, to: target) }
    }

    private func connect(_ client: any Channel, to target: String) {
        ClientBootstrap(group: client.eventLoop)
            .channelOption(.autoRead, value: false)
            .connect(unixDomainSocketPath: target)
            .whenComplete { result in
                guard case .success(let server) = result, client.isActive else { return client.close(promise: nil) }
                for (channel, peer) in [(client, server), (server, client)] {
                    try? channel.pipeline.syncOperations.addHandler(Forwarder(to: peer, way: self))
                }
                let isSilent = self.state.withLock { state in
                    for channel in [client, server] { state.channels[ObjectIdentifier(channel)] = channel }
                    return state.isSilent
                }
                if isSilent { return }
                for channel in [client, server] { _ = channel.setOption(.autoRead, value: true) }
            }
    }

    func ended(_ channel: any Channel, peer: any Channel) {
        let isSilent = self.state.withLock { state in
            state.channels[ObjectIdentifier(channel)] = nil
            if state.isSilent { state.orphans.append(peer) }
            return state.isSilent
        }
        if !isSilent { peer.close(promise: nil) }
    }

    func fallSilent() async throws {
        let channels = self.state.withLock { state in
            state.isSilent = true
            return Array(state.channels.values)
        }
        for channel in channels {
            try await channel.setOption(.autoRead, value: false).get(within: .patience)
        }
    }

    func heal() async throws {
        let (channels, waiting, orphans, target, held) = self.state.withLock { state in
            defer {
                state.isSilent = false
                state.held = []
                state.waiting = []
                state.orphans = []
            }
            return (Array(state.channels.values), state.waiting, state.orphans, state.target, state.held)
        }
        for (data, peer) in held { peer.writeAndFlush(data, promise: nil) }
        for orphan in orphans { orphan.close(promise: nil) }
        for channel in channels where channel.isActive {
            try? await channel.setOption(.autoRead, value: true).get(within: .patience)
        }
        for client in waiting { self.connect(client, to: target) }
    }

    func closeAll() {
        let channels = self.state.withLock { Array($0.channels.values) + $0.waiting + $0.orphans }
        for channel in channels { channel.close(promise: nil) }
    }
}

private final class Receptionist: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let way: Way

    init(way: Way) {
        self.way = way
    }

    func channelActive(context: ChannelHandlerContext) {
        self.way.accepted(context.channel)
    }
}

private final class Forwarder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let peer: any Channel
    private let way: Way

    init(to peer: any Channel, way: Way) {
        self.peer = peer
        self.way = way
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let data = self.unwrapInboundIn(data)
        // What was being read just then, and at an end what is left, whether NIO was told to read or not.
        if self.way.holdsBack(data, for: self.peer) { return }
        self.peer.writeAndFlush(data, promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.way.ended(context.channel, peer: self.peer)
    }
}
