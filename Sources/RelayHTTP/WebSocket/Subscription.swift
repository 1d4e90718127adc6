package import RelayCore

/// What a client asked for at `/listen`, once it was let in.
package struct Subscription: Sendable {
    package let channel: ChannelName
    package let kind: FrameKind
    /// Where to go on; nil: from now on.
    package let resumePoint: ResumePoint?
    /// Whose it is, for the access log.
    package var address = ""
    /// Whom the client's token names; nil without a token.
    package var subject: String?

    package init(channel: ChannelName, kind: FrameKind, resumePoint: ResumePoint?) {
        self.channel = channel
        self.kind = kind
        self.resumePoint = resumePoint
    }
}
