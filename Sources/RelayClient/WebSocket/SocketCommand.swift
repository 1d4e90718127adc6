package import NIOCore

/// What a connection is told, from outside its event loop as an outbound event.
package enum SocketCommand: Sendable, Equatable {
    case send(ChannelRequests.Request)
    /// Nothing more is read until `readOn`.
    case pause
    case readOn
    /// Cut it, for this reason.
    case end(Loss)
    /// Say goodbye, and cut it.
    case close
}

/// Whose connection it is.
package protocol SocketOwner: AnyObject, Sendable {
    /// Whether this attempt still counts.
    func isWanted(_ attempt: Int) -> Bool

    /// The answer to its handshake is waited for.
    /// - Returns: whether it is wanted.
    func connecting(_ channel: any Channel, attempt: Int) -> Bool

    /// On the event loop, before anything is received.
    /// - Returns: what to do at once.
    func opened(_ channel: any Channel, attempt: Int) -> [SocketCommand]

    /// On the event loop: all that one read of the socket gave.
    /// - Returns: what to do at once.
    func received(_ messages: [SizedMessage], attempt: Int) -> [SocketCommand]
}
