import NIOCore

/// Stops accepting for a while when the system can't give another connection, for want of descriptors or memory.
///
/// NIO's handler for this delays the next read that is asked for. But after an error the one before is still pending,
/// so the socket stays registered, is readable at once, and the loop would spin: here it is taken off.
final class AcceptPause: ChannelInboundHandler {
    typealias InboundIn = any Channel

    /// Until descriptors or memory may be there again.
    static let duration: TimeAmount = .seconds(1)

    private let observe: (IOError) -> Void

    /// - Parameter observe: told of each failed attempt.
    init(observe: @escaping (IOError) -> Void) {
        self.observe = observe
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError else { return context.fireErrorCaught(error) }
        self.observe(error)
        Self.setReading(false, context.channel)
        let channel = NIOLoopBound(context.channel, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.duration) { Self.setReading(true, channel.value) }
    }

    /// A channel that is closed by now takes no options, and needs none.
    private static func setReading(_ isReading: Bool, _ channel: any Channel) {
        try? channel.syncOptions?.setOption(.autoRead, value: isReading)
    }
}
