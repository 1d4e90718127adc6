import Logging
import RelayCore
import RelayHTTP
import RelayTokens

/// Tokens, as the configuration asks for them.
enum Tokens {
    /// - Returns: nil where none is asked for; and how its keys are read again, where they come from a file.
    /// - Throws: `TokenKeysUnusable`.
    static func verifier(
        _ configuration: RelayConfiguration
    ) async throws(TokenKeysUnusable) -> (JWTVerifier?, Reloadable?) {
        let source: TokenKeySource
        if !configuration.tokenSecret.isEmpty {
            source = .secret(configuration.tokenSecret)
        } else if let path = configuration.tokenKeyFile {
            source = .keyFile(path)
        } else if let path = configuration.tokenJwksFile {
            source = .jwksFile(path)
        } else {
            return (nil, nil)
        }
        let stamps = FileStamps(of: source.files)
        let verifier = try await JWTVerifier(
            source: source,
            rules: JWTVerifier.Rules(
                issuer: configuration.tokenIssuer,
                audience: configuration.tokenAudience,
                leeway: configuration.tokenLeeway
            ),
            readFile: { try readTextFile($0) }
        )
        if source.files.isEmpty { return (verifier, nil) }
        let reloadable = Reloadable(name: "token keys", stamps: stamps) {
            try await verifier.reload()
            return verifier.summary
        }
        return (verifier, reloadable)
    }

    /// - Parameter clock: the wall clock.
    static func options(
        _ configuration: RelayConfiguration,
        _ verifier: JWTVerifier,
        clock: ServerClock
    ) -> TokenOptions {
        TokenOptions(
            verifier: verifier,
            clock: clock,
            anonymousChannels: configuration.anonymousChannels.map { ChannelGlob($0) },
            cookie: configuration.tokenCookie,
            isInURL: configuration.tokenInUrl
        )
    }

    static func announce(_ configuration: RelayConfiguration, _ verifier: JWTVerifier, _ logger: Logger) {
        logger.info(
            "tokens are required",
            metadata: [
                "keys": "\(verifier.summary)", "issuer": "\(configuration.tokenIssuer ?? "any")",
                "audience": "\(configuration.tokenAudience ?? "any")",
                "without-token": "\(configuration.anonymousChannels.joined(separator: " "))",
            ]
        )
    }
}
