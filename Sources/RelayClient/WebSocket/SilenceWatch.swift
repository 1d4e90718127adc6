package import NIOCore

/// Whether a connection still lives. The relay pings each 30 s.
package struct SilenceWatch {
    package enum Action: Equatable {
        case none
        /// The relay has to see that somebody is here: its ping lies unread.
        case pong
        case giveUp
    }

    /// How often to look.
    package static let interval = TimeAmount.seconds(15)
    /// Two pings that did not come, and what networks may take for a third.
    package static let patience = TimeAmount.seconds(75)
    /// As often as the relay pings.
    package static let pongInterval = TimeAmount.seconds(30)

    private var heard: NIODeadline
    private var said: NIODeadline
    private var isReading = true

    package init(at now: NIODeadline) {
        self.heard = now
        self.said = now
    }

    package mutating func heard(at now: NIODeadline) { self.heard = now }

    /// A frame was written.
    package mutating func said(at now: NIODeadline) { self.said = now }

    package mutating func paused() { self.isReading = false }

    /// What was silent meanwhile was this side.
    package mutating func readsOn(at now: NIODeadline) {
        self.isReading = true
        self.heard = now
    }

    package mutating func looked(at now: NIODeadline) -> Action {
        if self.isReading { return now - self.heard >= Self.patience ? .giveUp : .none }
        return now - self.said >= Self.pongInterval ? .pong : .none
    }
}
