import Glibc
package import NIOCore
import RelayCore

/// A subscriber's event stream: an HTTP answer that goes on until one of the two has enough of it.
///
/// Its body is not sent in chunks and has no length; it ends with the connection. So the bytes are the same for every
/// version of HTTP, and what a reader had of a last event that broke off it throws away.
package final class EventStreamHandler: ChannelInboundHandler, SubscriberTransport {
    /// Nothing is expected behind the request; it is read and ignored.
    package typealias InboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// How long a browser waits before it comes back. Each is told another time within, so that those who lost the relay
    /// together don't come back together.
    private static let retryDelays = 1000...3000
    /// How long what was sent may stay unacknowledged, and a full socket untouched, before the peer counts as gone: as
    /// long as a WebSocket may leave pings unanswered.
    private static let peerTimeout = TimeAmount.seconds(2 * Int64(LoopHub.pingRounds))

    private let subscriber: Subscriber
    private var context: ChannelHandlerContext?
    /// What had left when the last turn of the interval came.
    private var taken = 0
    /// Turns of the interval since something last left.
    private var turnsUntouched = 0
    private var isClosing = false
    private var hasFailed = false

    package init(_ subscriber: Subscriber) {
        self.subscriber = subscriber
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let milliseconds = Int(Self.peerTimeout.nanoseconds / 1_000_000)
        let userTimeout = ChannelOptions.Types.SocketOption(level: .tcp, name: .init(rawValue: TCP_USER_TIMEOUT))
        try? context.channel.syncOptions?.setOption(userTimeout, value: milliseconds)
        var beginning = ByteBuffer()
        beginning.writeStreamRetry(milliseconds: Int.random(in: Self.retryDelays))
        context.writeAndFlush(self.wrapOutboundOut(beginning), promise: nil)
        self.subscriber.join(context, by: self)
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.subscriber.connectionEnded()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { self.subscriber.becameWritable() }
        context.fireChannelWritabilityChanged()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is ChannelShouldQuiesceEvent else { return context.fireUserInboundEventTriggered(event) }
        self.subscriber.drain()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.hasFailed = true
        context.close(promise: nil)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        // There is no other way for a reader to say goodbye.
        if !self.isClosing && !self.hasFailed { self.subscriber.leave(.client, reason: "closed by the client") }
        context.fireChannelInactive()
    }

    func keepAlive() {
        guard let context = self.context, !self.isClosing else { return }
        let unsent = self.subscriber.unsentBytes
        let taken = self.subscriber.bytesWritten - unsent
        self.turnsUntouched = unsent > 0 && taken == self.taken ? self.turnsUntouched + 1 : 0
        self.taken = taken
        guard self.turnsUntouched < 2 else {
            self.hasFailed = true
            self.subscriber.leave(.nobody, reason: "took no data")
            return context.close(promise: nil)
        }
        // What waits to be taken does the same.
        if unsent > 0 { return }
        var comment = ByteBuffer()
        comment.writeStreamComment()
        self.subscriber.send(comment)
        self.taken = self.subscriber.bytesWritten - self.subscriber.unsentBytes
    }

    /// The reason is for people who look at the stream; a browser sees the end, and comes back.
    func close(_ code: CloseCode, reason: String) {
        guard self.context != nil, !self.isClosing else { return }
        self.isClosing = true
        self.subscriber.leave(.relay, reason: reason)
        var comment = ByteBuffer()
        comment.writeStreamComment(reason)
        self.subscriber.sayGoodbye(comment)
    }
}
