import RelayCore
import RelayTestSupport
import Synchronization

@testable import RelayTokens

extension Timestamp {
    /// Whole seconds since 1970, as claims have them.
    var seconds: Int64 { self.microseconds / 1_000_000 }
}

extension JWTVerifier {
    /// Reads its files from the file system.
    static func make(
        _ source: TokenKeySource,
        issuer: String? = nil,
        audience: String? = nil,
        leeway: Duration = .seconds(30)
    ) async throws -> JWTVerifier {
        try await JWTVerifier(
            source: source,
            rules: Rules(issuer: issuer, audience: audience, leeway: leeway),
            readFile: { try TestFiles.text(of: $0) }
        )
    }

    /// What becomes of a token now.
    func outcome(_ token: String, at now: Timestamp = .ofTests) -> Result<Bearer, TokenRefusal> {
        Result { () throws(TokenRefusal) in try self.verify(token, at: now) }
    }
}

extension Result where Success == Bearer, Failure == TokenRefusal {
    var refusal: TokenRefusal? {
        if case .failure(let refusal) = self { refusal } else { nil }
    }
}

/// A signer and a verifier of the same key.
struct SigningWorld {
    let signer: TestSigner
    let verifier: JWTVerifier

    init(
        _ algorithm: TestSigner.Algorithm = .hs256,
        issuer: String? = nil,
        audience: String? = nil
    ) async throws {
        self.signer = try await TestSigner(algorithm)
        let source: TokenKeySource =
            algorithm == .hs256 ? .secret(self.signer.secret) : .keyFile(self.signer.publicKey)
        self.verifier = try await JWTVerifier.make(source, issuer: issuer, audience: audience)
    }

    func outcome(_ claims: String, header: String? = nil) async throws -> Result<Bearer, TokenRefusal> {
        self.verifier.outcome(try await self.signer.token(claims, header: header))
    }
}
