import RelayCore

/// Settings that are right one by one and don't go together.
extension RelayConfiguration {
    /// - Parameter settings: where the configuration comes from.
    func problems(_ settings: [ConfigurationSetting]) -> [ConfigurationProblem] {
        self.tokenProblems(settings) + self.tlsProblems(settings) + self.channelProblems(settings)
    }

    private func channelProblems(_ settings: [ConfigurationSetting]) -> [ConfigurationProblem] {
        let names = Set(self.channels.compactMap { ChannelGlob($0).literal })
        if names.count <= self.maxChannels { return [] }
        let reason = "names \(names.count) channels to record: raise MaxChannels, which is \(self.maxChannels)"
        return [.contradiction("Channels", settings, reason)].compactMap(\.self)
    }
}
