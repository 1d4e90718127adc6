package import RelayCore

/// What a client asked for at `/listen`, once it was let in.
package struct Subscription: Sendable {
    package let selection: ChannelSelection
    package let kind: FrameKind
    /// Where to go on; nil: from now on.
    package let resumePoint: ResumePoint?
    /// To be left when it is over.
    package let seat: ClientSeat
    /// Whose token let it in; nil where none was needed.
    package let bearer: Bearer?

    package init(
        _ selection: ChannelSelection,
        kind: FrameKind,
        resumePoint: ResumePoint?,
        seat: ClientSeat = ClientSeat(),
        bearer: Bearer? = nil
    ) {
        self.selection = selection
        self.kind = kind
        self.resumePoint = resumePoint
        self.seat = seat
        self.bearer = bearer
    }
}
