package import RelayCore
import Synchronization

/// Verifies JSON Web Tokens (RFC 7519) in the compact form, with the keys of one setting.
///
/// The keys decide on the algorithm, one for each: what the token's header says has to be the same, and nothing else in
/// it is followed (`jwk`, `jku`, `x5c`, `x5u`). Nothing is remembered of a token, so that a key that is gone verifies
/// none any more.
package final class JWTVerifier: TokenVerifier {
    /// Some twenty times what common ones take; all of a request's headers may have 64 KiB.
    package static let maximumTokenBytes = 8 << 10

    /// What a token has to be beside signed.
    package struct Rules: Sendable {
        package let issuer: String?
        package let audience: String?
        /// By how much the issuer's clock may differ from ours.
        package let leeway: Duration

        package init(issuer: String?, audience: String?, leeway: Duration) {
            self.issuer = issuer
            self.audience = audience
            self.leeway = leeway
        }
    }

    private let source: TokenKeySource
    private let rules: Rules
    private let readFile: @Sendable (String) throws -> String?
    private let keys: Mutex<TokenKeys>

    /// - Parameter readFile: the text of a file; nil where there is none of this name.
    package init(
        source: TokenKeySource,
        rules: Rules,
        readFile: @escaping @Sendable (String) throws -> String?
    ) async throws(TokenKeysUnusable) {
        self.source = source
        self.rules = rules
        self.readFile = readFile
        self.keys = Mutex(try await source.load(readFile))
    }

    /// The keys as one line for the log, without what is secret.
    package var summary: String { self.keys.withLock { $0 }.summary }

    /// Takes the keys as they are now, for all tokens from here on. If they can't be used, the old ones stay.
    package func reload() async throws(TokenKeysUnusable) {
        let keys = try await self.source.load(self.readFile)
        self.keys.withLock { $0 = keys }
    }

    package func verify(_ token: String, at now: Timestamp) throws(TokenRefusal) -> Bearer {
        let claims = try self.verifiedClaims(of: token)
        return try claims.bearer(self.rules, at: now)
    }

    /// The claims are not looked at before the signature has been found right.
    private func verifiedClaims(of token: String) throws(TokenRefusal) -> TokenClaims {
        let bytes = Array(token.utf8)
        guard bytes.count <= Self.maximumTokenBytes else { throw .tooLong }
        let parts = bytes.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 3, let payload = base64URLDecoded(parts[1]), let signature = base64URLDecoded(parts[2])
        else { throw .malformed }
        let key = try self.key(for: try TokenHeader(encoded: parts[0]))
        let signed = bytes[..<parts[1].endIndex]
        guard key.hasMade(signature, of: signed) else { throw .signature }
        return try TokenClaims(parsing: payload)
    }

    private func key(for header: TokenHeader) throws(TokenRefusal) -> TokenKey {
        if header.hasCritical { throw .critical }
        guard header.isForReading else { throw .type }
        guard let key = self.keys.withLock({ $0 }).key(named: header.keyID) else { throw .unknownKey }
        guard header.algorithm == key.algorithm else { throw .algorithm }
        return key
    }
}
