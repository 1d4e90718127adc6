/// Settings of TLS that don't go together.
extension RelayConfiguration {
    /// Whether HTTPS is served.
    var servesHTTPS: Bool { !self.tlsServerCertificateFile.isEmpty && !self.tlsServerPrivateKeyFile.isEmpty }

    /// - Parameter settings: where the configuration comes from.
    func tlsProblems(_ settings: [ConfigurationSetting]) -> [ConfigurationProblem] {
        let (certificate, key) = ("TlsServerCertificateFile", "TlsServerPrivateKeyFile")
        switch (self.tlsServerCertificateFile.isEmpty, self.tlsServerPrivateKeyFile.isEmpty) {
        case (false, true):
            return [.contradiction(certificate, settings, "needs \(key) as well")].compactMap(\.self)
        case (true, false):
            return [.contradiction(key, settings, "needs \(certificate) as well")].compactMap(\.self)
        case (true, true) where self.httpPort == nil:
            let reason = "leaves nothing to serve: set \(certificate) and \(key) for HTTPS"
            return [.contradiction("HttpPort", settings, reason)].compactMap(\.self)
        case (true, true), (false, false):
            return []
        }
    }
}
