/// One subscriber, looked back on when its connection is over.
package struct FinishedSubscriber: Sendable, Equatable {
    /// Who ended it.
    package enum Side: String, Sendable, CaseIterable {
        case relay
        case client
        /// It was cut, by the network or for want of an answer.
        case nobody
    }

    package var address: String
    /// Whom its token names; nil without a token.
    package var subject: String?
    package var selection: ChannelSelection
    package var kind: FrameKind
    package var duration: Duration
    /// Live and replayed.
    package var events: Int
    package var bytes: Int
    package var side: Side
    /// Of a WebSocket's close frame; nil where there was none.
    package var code: UInt16?
    package var reason: String

    package init(
        address: String,
        subject: String?,
        selection: ChannelSelection,
        kind: FrameKind,
        duration: Duration,
        events: Int,
        bytes: Int,
        side: Side,
        code: UInt16?,
        reason: String
    ) {
        self.address = address
        self.subject = subject
        self.selection = selection
        self.kind = kind
        self.duration = duration
        self.events = events
        self.bytes = bytes
        self.side = side
        self.code = code
        self.reason = reason
    }
}
