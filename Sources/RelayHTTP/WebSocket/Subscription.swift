package import RelayCore

/// What a client asked for at `/listen`, once it was let in.
package struct Subscription: Sendable {
    package let channel: ChannelName
    package let kind: FrameKind
    /// Where to go on; nil: from now on.
    package let resumePoint: ResumePoint?
    /// To be left when it is over.
    package let seat: ClientSeat

    package init(
        channel: ChannelName,
        kind: FrameKind,
        resumePoint: ResumePoint?,
        seat: ClientSeat = ClientSeat()
    ) {
        self.channel = channel
        self.kind = kind
        self.resumePoint = resumePoint
        self.seat = seat
    }
}
