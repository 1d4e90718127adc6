package import NIOCore

/// Bounds how many connections there are, and stops accepting for a while when the system can't give another one, for
/// want of descriptors or memory.
///
/// Both are counted here, on the loop of the server's socket, before a connection is handed to its own loop: counting
/// there would let in whatever comes until that loop gets round to it. A connection too many is closed, and no other is
/// accepted until that is done, so the limit is exceeded by as many as are accepted at once, and no more.
///
/// NIO's handler for the pause delays the next read that is asked for. But after an error the one before is still
/// pending, so the socket stays registered, is readable at once, and the loop would spin: here it is taken off.
package final class AcceptPause: ChannelInboundHandler {
    package typealias InboundIn = any Channel
    package typealias InboundOut = any Channel

    /// Until descriptors or memory may be there again.
    package static let duration: TimeAmount = .seconds(1)
    /// Connections that are accepted one after the other, before anything else is looked at.
    package static let acceptedAtOnce = 4

    private let connections: ClientCounter
    private let refused: () -> Void
    private let failed: (String) -> Void

    private var spares = SpareDescriptors()
    private var isPausing = false
    /// Connections too many that are not closed yet.
    private var closing = 0

    /// - Parameters:
    ///   - connections: all there are and may be.
    ///   - refused: told of each one too many.
    ///   - failed: told of each failed attempt to accept one, with the reason.
    package init(
        connections: ClientCounter,
        refused: @escaping () -> Void,
        failed: @escaping (String) -> Void
    ) {
        self.connections = connections
        self.refused = refused
        self.failed = failed
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        // Where there is not even room for these, the first connection that can't be accepted starts a pause.
        _ = self.spares.take(leaving: 0)
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.spares.release()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let connection = self.unwrapInboundIn(data)
        guard self.connections.enter() else {
            self.refused()
            return self.close(connection, context)
        }
        connection.closeFuture.whenComplete { [connections] _ in connections.leave() }
        context.fireChannelRead(data)
    }

    private func close(_ connection: any Channel, _ context: ChannelHandlerContext) {
        let server = context.channel
        self.closing += 1
        self.read(server)
        connection.closeFuture.hop(to: context.eventLoop).assumeIsolated().whenComplete { _ in
            self.closing -= 1
            self.read(server)
        }
        connection.close(promise: nil)
    }

    /// Before the next ones take the last descriptors: these may be gone without anyone waiting to be accepted.
    package func channelReadComplete(context: ChannelHandlerContext) {
        if self.spares.isHeld, !Descriptors.areMoreLeft(than: Self.acceptedAtOnce) {
            self.pause("almost no file descriptors are left", context)
        }
        context.fireChannelReadComplete()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError else { return context.fireErrorCaught(error) }
        self.pause("\(error)", context)
    }

    private func pause(_ reason: String, _ context: ChannelHandlerContext) {
        self.spares.release()
        self.failed(reason)
        if self.isPausing { return }
        self.isPausing = true
        self.read(context.channel)
        self.resumeLater(context.channel)
    }

    private func resumeLater(_ server: any Channel) {
        server.eventLoop.assumeIsolated().scheduleTask(in: Self.duration) {
            guard server.isActive else { return }
            guard self.spares.take(leaving: Self.acceptedAtOnce) else {
                self.failed("there are still too few file descriptors")
                return self.resumeLater(server)
            }
            self.isPausing = false
            self.read(server)
        }
    }

    /// Or not. A channel that is closed by now takes no options, and needs none.
    private func read(_ server: any Channel) {
        try? server.syncOptions?.setOption(.autoRead, value: !self.isPausing && self.closing == 0)
    }
}
