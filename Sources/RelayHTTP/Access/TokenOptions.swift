package import RelayCore

/// How tokens are taken. The configuration's reference says what each setting means to its users.
package struct TokenOptions: Sendable {
    package let verifier: any TokenVerifier
    /// The wall clock, as issuers of tokens go by it.
    package let clock: ServerClock
    /// Channels that need no token.
    package let anonymousChannels: [ChannelGlob]
    /// The name of a cookie that may hold a token.
    package let cookie: String?
    /// Whether the parameter `token` may hold one.
    package let isInURL: Bool

    package init(
        verifier: any TokenVerifier,
        clock: ServerClock,
        anonymousChannels: [ChannelGlob],
        cookie: String?,
        isInURL: Bool
    ) {
        self.verifier = verifier
        self.clock = clock
        self.anonymousChannels = anonymousChannels
        self.cookie = cookie
        self.isInURL = isInURL
    }
}
