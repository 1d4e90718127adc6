/// The setting that gives the keys.
package enum TokenKeySource: Sendable {
    /// HS256; its bytes in UTF-8 are the key.
    case secret(String)
    /// A PEM file with one public key or certificate.
    case keyFile(String)
    /// A JSON Web Key Set (RFC 7517).
    case jwksFile(String)

    /// As RFC 7518 demands of HS256 (section 3.2).
    package static let minimumSecretBytes = 32

    /// What it is read from: when one of these changes, a verifier's `reload` is due.
    package var files: [String] {
        switch self {
        case .secret: []
        case .keyFile(let path), .jwksFile(let path): [path]
        }
    }

    func load(_ readFile: (String) throws -> String?) async throws(TokenKeysUnusable) -> TokenKeys {
        do {
            switch self {
            case .secret(let secret):
                guard secret.utf8.count >= Self.minimumSecretBytes else {
                    throw UnusableKey("it has fewer than \(Self.minimumSecretBytes) bytes")
                }
                return .one(try await .hs256(secret))
            case .keyFile(let path):
                return .one(try await TokenKey(pem: try Self.text(of: path, readFile)))
            case .jwksFile(let path):
                return try await TokenKeys(jwks: try Self.text(of: path, readFile))
            }
        } catch {
            throw TokenKeysUnusable(source: self, reason: "\(error)")
        }
    }

    private static func text(of path: String, _ readFile: (String) throws -> String?) throws -> String {
        guard let text = try readFile(path) else { throw UnusableKey("it does not exist") }
        return text
    }
}

/// Why a key can't be used, as the rest of a sentence that begins with the file.
struct UnusableKey: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Tokens can't be verified with what a setting names.
package struct TokenKeysUnusable: Error, CustomStringConvertible {
    let source: TokenKeySource
    let reason: String

    package var description: String {
        switch self.source {
        case .secret: "TokenSecret can't be used: \(self.reason). Set it to a longer random text"
        case .keyFile(let path):
            """
            TokenKeyFile '\(path)' can't be used: \(self.reason). Name a PEM file with one public key or certificate: \
            RSA of at least 2048 bits, an elliptic curve key on P-256, or Ed25519 (no certificate)
            """
        case .jwksFile(let path):
            """
            TokenJwksFile '\(path)' can't be used: \(self.reason). Name a JSON Web Key Set with public keys for RS256, \
            ES256 or EdDSA
            """
        }
    }
}
