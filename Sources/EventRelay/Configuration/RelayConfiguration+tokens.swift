/// Settings of tokens that don't go together.
extension RelayConfiguration {
    private static let keySettings = ["TokenSecret", "TokenKeyFile", "TokenJwksFile"]

    /// - Parameter settings: where the configuration comes from. A default that somebody wrote down is none of them.
    func tokenProblems(_ settings: [ConfigurationSetting]) -> [ConfigurationProblem] {
        let keys = zip(
            Self.keySettings,
            [!self.tokenSecret.isEmpty, self.tokenKeyFile != nil, self.tokenJwksFile != nil]
        )
        .filter(\.1).map(\.0)
        if keys.count > 1 {
            let reason = "can't be used together with \(keys[0]): put several keys into a TokenJwksFile"
            return keys.dropFirst().compactMap { .contradiction($0, settings, reason) }
        }
        guard keys.isEmpty else { return [] }
        let defaults = RelayConfiguration()
        let changed = [
            ("TokenIssuer", self.tokenIssuer != nil), ("TokenAudience", self.tokenAudience != nil),
            ("TokenLeeway", self.tokenLeeway != defaults.tokenLeeway), ("TokenCookie", self.tokenCookie != nil),
            ("TokenInUrl", self.tokenInUrl), ("AnonymousChannels", !self.anonymousChannels.isEmpty),
        ]
        let reason = "has no effect while tokens are off: set TokenSecret, TokenKeyFile or TokenJwksFile too"
        return changed.filter(\.1).compactMap { .contradiction($0.0, settings, reason) }
    }
}
