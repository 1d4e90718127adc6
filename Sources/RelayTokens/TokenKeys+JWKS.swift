import FoundationEssentials
import JWTKit

extension TokenKeys {
    /// The keys of a set that are for signatures and of a kind that is understood; others are left out, as RFC 7517 asks
    /// (section 5). Of a private key the public half is taken. jwt-kit's own reader is not used: it lets the token choose
    /// the algorithm where the key names none, takes the first key for one of any other name, and gives up at a key of
    /// an unknown kind.
    init(jwks text: String) async throws {
        guard let set = try? JSONDecoder().decode(KeySet.self, from: Data(text.utf8)) else {
            throw UnusableKey("it is not a JSON object with a list of keys whose values are strings")
        }
        let usable = set.keys.filter(\.isUsable)
        guard let first = usable.first else {
            throw UnusableKey("none of its \(set.keys.count) keys is for one of these algorithms")
        }
        var keys: [String: TokenKey] = [:]
        for entry in usable {
            guard let name = entry.kid else {
                if usable.count == 1 { break }
                throw UnusableKey("a key has no kid to tell it from the others")
            }
            guard keys.updateValue(try await entry.key(), forKey: name) == nil else {
                throw UnusableKey("two of its keys have the kid '\(name)'")
            }
        }
        self = .set(keys, only: usable.count == 1 ? try await first.key() : nil)
    }
}

private struct KeySet: Decodable {
    let keys: [Entry]

    struct Entry: Decodable {
        let kty: String
        let use: String?
        let alg: String?
        let kid: String?
        // swift-format-ignore: AlwaysUseLowerCamelCase
        let key_ops: [String]?
        let n: String?
        let e: String?
        let crv: String?
        let x: String?
        let y: String?

        private enum Kind {
            case rsa
            case p256
            case ed25519
        }

        private var kind: Kind? {
            switch (self.kty, self.crv, self.alg) {
            case ("RSA", _, nil), ("RSA", _, "RS256"): .rsa
            case ("EC", "P-256", nil), ("EC", "P-256", "ES256"): .p256
            case ("OKP", "Ed25519", nil), ("OKP", "Ed25519", "EdDSA"): .ed25519
            default: nil
            }
        }

        var isUsable: Bool {
            self.kind != nil && self.use ?? "sig" == "sig" && self.key_ops?.contains("verify") ?? true
        }

        func key() async throws -> TokenKey {
            do {
                switch (self.kind, self.n, self.e, self.x, self.y) {
                case (.rsa, let n?, let e?, _, _):
                    return try await .rs256(Insecure.RSA.PublicKey(modulus: n, exponent: e))
                case (.p256, _, _, let x?, let y?):
                    return try await .es256(ES256PublicKey(parameters: (x, y)))
                case (.ed25519, _, _, let x?, _):
                    return try await .edDSA(EdDSA.PublicKey(x: x, curve: .ed25519))
                case (.rsa, _, _, _, _), (.p256, _, _, _, _), (.ed25519, _, _, _, _), (nil, _, _, _, _):
                    throw UnusableKey("it lacks a part")
                }
            } catch {
                throw UnusableKey("the key '\(self.kid ?? "without kid")' is broken: \(error)")
            }
        }
    }
}
