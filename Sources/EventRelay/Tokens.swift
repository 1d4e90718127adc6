import Logging
import RelayCore
import RelayHTTP
import RelayTokens

/// Tokens, as the configuration asks for them.
enum Tokens {
    /// - Returns: nil where none is asked for.
    /// - Throws: `TokenKeysUnusable`.
    static func verifier(_ configuration: RelayConfiguration) async throws -> JWTVerifier? {
        let source: TokenKeySource
        if !configuration.tokenSecret.isEmpty {
            source = .secret(configuration.tokenSecret)
        } else if let path = configuration.tokenKeyFile {
            source = .keyFile(path)
        } else if let path = configuration.tokenJwksFile {
            source = .jwksFile(path)
        } else {
            return nil
        }
        return try await JWTVerifier(
            source: source,
            rules: JWTVerifier.Rules(
                issuer: configuration.tokenIssuer,
                audience: configuration.tokenAudience,
                leeway: configuration.tokenLeeway
            ),
            readFile: { try readTextFile($0) }
        )
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
            "tokens are asked for",
            metadata: [
                "keys": "\(verifier.summary)", "issuer": "\(configuration.tokenIssuer ?? "any")",
                "audience": "\(configuration.tokenAudience ?? "any")",
                "without-token": "\(configuration.anonymousChannels.joined(separator: " "))",
            ]
        )
    }
}
