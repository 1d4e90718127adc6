/// Why a connection ended that was to stay.
package enum Loss: Error, CustomStringConvertible {
    /// The relay, or a proxy before it, answered something else than a WebSocket.
    case refused(HandshakeRefusal)
    /// Not reached, or the network broke it, or no token could be had.
    case failed(any Error)
    /// By the other side; the code is nil where it said none.
    case closed(code: UInt16?, reason: String)
    /// Nothing came, not even a ping.
    case silent
    /// What came is not the protocol.
    case unintelligible(String)
    /// More came than may wait for who takes the messages.
    case overrun
    /// By this program, which wants a new one.
    case asked

    package var description: String {
        switch self {
        case .refused(let refusal): "the relay answered \(refusal.status): \(refusal.detail)"
        case .failed(let error): "no connection: \(error)"
        case .closed(let code?, let reason): "the relay closed the connection: \(code) \(reason)"
        case .closed(nil, _): "the connection ended"
        case .silent: "the connection is silent"
        case .unintelligible(let what): "what arrived is not from a relay: \(what)"
        case .overrun: "more messages came than may wait"
        case .asked: "a new connection was requested"
        }
    }
}

extension Loss: Equatable {
    /// Errors of others can't be compared: what reads the same is the same.
    package static func == (left: Loss, right: Loss) -> Bool { left.description == right.description }
}

/// A plain HTTP answer to the handshake.
package struct HandshakeRefusal: Sendable, Equatable {
    package let status: Int
    /// Whether it is a problem as the relay tells it (RFC 9457), and not a page of something in between.
    package let isProblem: Bool
    /// The `detail` of the problem, or what else there is to say.
    package let detail: String
    /// What its header asks for.
    package let retryAfter: Duration?

    package init(status: Int, isProblem: Bool, detail: String, retryAfter: Duration? = nil) {
        self.status = status
        self.isProblem = isProblem
        self.detail = detail
        self.retryAfter = retryAfter
    }
}
