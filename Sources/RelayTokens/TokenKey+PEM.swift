import JWTKit

extension TokenKey {
    /// A public key, or the one in a certificate, whose dates and issuer are not looked at. What kind of key it is says
    /// what algorithm it is for.
    init(pem: String) async throws {
        let labels = pem.matches(of: /-----BEGIN ([A-Z0-9 ]+)-----/).map { $0.output.1 }
        guard labels.count == 1, let label = labels.first else {
            throw UnusableKey("it holds \(labels.count) PEM blocks instead of one")
        }
        if label.hasSuffix("PRIVATE KEY") {
            throw UnusableKey("it holds a private key, but verifying needs only the public one")
        }
        if label == "CERTIFICATE" {
            if let key = try? Insecure.RSA.PublicKey(certificatePEM: pem) {
                self = try await .rs256(key)
            } else if let key = try? ES256PublicKey(certificate: pem) {
                self = try await .es256(key)
            } else {
                throw UnusableKey("its certificate can't be read, or its key is of another kind")
            }
        } else if let key = try? Insecure.RSA.PublicKey(pem: pem) {
            self = try await .rs256(key)
        } else if let key = try? ES256PublicKey(pem: pem) {
            self = try await .es256(key)
        } else if let key = try? EdDSA.PublicKey(pem: pem) {
            self = try await .edDSA(key)
        } else {
            throw UnusableKey("its key can't be read, or is of another kind")
        }
    }
}
