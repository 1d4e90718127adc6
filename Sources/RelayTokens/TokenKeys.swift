import JWTKit

/// A key and the one algorithm that it is for.
struct TokenKey: Sendable {
    private let key: any JWTAlgorithm

    /// As `alg` names it.
    var algorithm: String { self.key.name }

    /// Whether the signature of these bytes is by the owner of the key.
    func hasMade(_ signature: [UInt8], of bytes: ArraySlice<UInt8>) -> Bool {
        (try? self.key.verify(signature, signs: bytes)) ?? false
    }

    static func hs256(_ secret: String) async throws -> TokenKey {
        TokenKey(key: try await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256).getKey())
    }

    static func rs256(_ key: Insecure.RSA.PublicKey) async throws -> TokenKey {
        TokenKey(key: try await JWTKeyCollection().add(rsa: key, digestAlgorithm: .sha256).getKey())
    }

    static func es256(_ key: ES256PublicKey) async throws -> TokenKey {
        TokenKey(key: try await JWTKeyCollection().add(ecdsa: key).getKey())
    }

    static func edDSA(_ key: EdDSA.PublicKey) async throws -> TokenKey {
        TokenKey(key: try await JWTKeyCollection().add(eddsa: key).getKey())
    }
}

/// The keys that tokens are verified with.
enum TokenKeys: Sendable {
    /// A key without a name, which verifies whatever a token calls it.
    case one(TokenKey)
    /// Keys by name. `only` is set where there is no choice, for tokens that name none.
    case set([String: TokenKey], only: TokenKey?)

    /// - Parameter name: the `kid` of a token.
    func key(named name: String?) -> TokenKey? {
        switch self {
        case .one(let key): key
        case .set(let keys, let only): if let name { keys[name] } else { only }
        }
    }

    /// Names and algorithms.
    var summary: String {
        switch self {
        case .one(let key): key.algorithm
        case .set(let keys, let only):
            keys.isEmpty
                ? only?.algorithm ?? ""
                : keys.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.algorithm)" }.joined(separator: " ")
        }
    }
}
