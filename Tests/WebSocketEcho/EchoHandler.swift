import NIOCore
import NIOWebSocket
import RelayHTTP

/// One WebSocket whose messages come back whole.
final class EchoHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = ByteBuffer

    private var frames: ClientFrameStateMachine
    private var message = ByteBuffer()
    private var isClosing = false

    init(maximumMessageBytes: Int) {
        self.frames = ClientFrameStateMachine(maximumMessageBytes: maximumMessageBytes)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = self.unwrapInboundIn(data)
        if self.isClosing {
            if frame.opcode == .connectionClose { context.close(promise: nil) }
            return
        }
        let action = self.frames.received(frame)
        if case .message = action { self.message.writeImmutableBuffer(frame.unmaskedData) }
        self.act(on: action, context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !self.isClosing, let error = error as? NIOWebSocketError else { return }
        self.act(on: self.frames.undecodable(error), context)
        context.close(mode: .output, promise: nil)
    }

    private func act(on action: ClientFrameStateMachine.Action, _ context: ChannelHandlerContext) {
        var answer = ByteBuffer()
        switch action {
        case .none, .message(_, isComplete: false):
            return
        case .message(let isText, isComplete: true):
            answer.writeWebSocketFrame(isText ? .text : .binary, self.message.readableBytesView)
            self.message.clear()
        case .answerPing(let payload):
            answer.writeWebSocketFrame(.pong, payload.readableBytesView)
        case .answerClose(let code, let reason):
            answer.writeWebSocketClose(code: code, reason: reason)
            self.isClosing = true
            let hasLeft = context.eventLoop.makePromise(of: Void.self)
            hasLeft.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
            return context.writeAndFlush(self.wrapOutboundOut(answer), promise: hasLeft)
        case .refuse(let code, let reason):
            answer.writeWebSocketClose(code, reason: reason)
            self.isClosing = true
        }
        context.writeAndFlush(self.wrapOutboundOut(answer), promise: nil)
    }
}
