package import Foundation

/// Makes keys and tokens without the library that verifies them: put together by hand, signed by the openssl program.
package final class TestSigner: Sendable {
    package enum Algorithm: String, Sendable, CaseIterable {
        case hs256 = "HS256"
        case rs256 = "RS256"
        case es256 = "ES256"
        case edDSA = "EdDSA"
    }

    package let algorithm: Algorithm
    package let folder: TemporaryFolder
    /// Of HS256.
    package let secret: String

    /// Makes a new key.
    package init(_ algorithm: Algorithm) async throws {
        self.algorithm = algorithm
        self.folder = try TemporaryFolder()
        self.secret = UUID().uuidString
        switch algorithm {
        case .hs256: break
        case .rs256: try await self.makeKey("-algorithm RSA -pkeyopt rsa_keygen_bits:2048")
        case .es256: try await self.makeKey("-algorithm EC -pkeyopt ec_paramgen_curve:P-256")
        case .edDSA: try await self.makeKey("-algorithm ED25519")
        }
    }

    private func makeKey(_ options: String) async throws {
        try await self.shell(
            """
            openssl genpkey \(options) -out private.pem && openssl pkey -in private.pem -pubout -out public.pem &&
            openssl pkey -in private.pem -pubout -outform DER -out public.der &&
            openssl req -x509 -key private.pem -subj /CN=tokens -days 2 -out certificate.pem
            """
        )
    }

    /// Files with the key.
    package var publicKey: String { self.folder.file("public.pem") }
    package var privateKey: String { self.folder.file("private.pem") }
    package var certificate: String { self.folder.file("certificate.pem") }

    /// The public key as an entry of a JSON Web Key Set.
    package func jwk(_ kid: String?, _ extra: String = "") throws -> String {
        let file = URL(fileURLWithPath: self.folder.file("public.der"))
        let der = self.algorithm == .hs256 ? Data() : try Data(contentsOf: file)
        let key =
            switch self.algorithm {
            case .hs256: #""kty":"oct","k":"\#(Self.base64URL(Data(self.secret.utf8)))""#
            // Ends with the modulus and the exponent of three bytes, which has two before it.
            case .rs256: #""kty":"RSA","e":"AQAB","n":"\#(Self.base64URL(der.dropLast(5).suffix(256)))""#
            case .es256:
                #""kty":"EC","crv":"P-256","x":"\#(Self.base64URL(der.suffix(64).prefix(32)))","#
                    + #""y":"\#(Self.base64URL(der.suffix(32)))""#
            case .edDSA: #""kty":"OKP","crv":"Ed25519","x":"\#(Self.base64URL(der.suffix(32)))""#
            }
        return "{\(kid.map { "\"kid\":\"\($0)\"," } ?? "")\(extra)\(key)}"
    }

    /// - Parameters:
    ///   - claims: JSON, as everything signed is.
    ///   - header: by default that of the algorithm.
    package func token(_ claims: String, header: String? = nil) async throws -> String {
        let header = header ?? #"{"alg":"\#(self.algorithm.rawValue)","typ":"JWT"}"#
        let signed = Self.encoded(header) + "." + Self.encoded(claims)
        return signed + "." + Self.base64URL(try await self.signature(of: signed))
    }

    package static func encoded(_ text: String) -> String { self.base64URL(Data(text.utf8)) }

    package static func base64URL(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    private func signature(of text: String) async throws -> Data {
        let name = UUID().uuidString
        try Data(text.utf8).write(to: URL(fileURLWithPath: self.folder.file(name)))
        switch self.algorithm {
        case .hs256:
            let key = self.secret.utf8.map { String(format: "%02x", $0) }.joined()
            try await self.shell("openssl dgst -sha256 -mac HMAC -macopt hexkey:\(key) -binary -out \(name).s \(name)")
        case .rs256, .es256:
            try await self.shell("openssl dgst -sha256 -sign private.pem -binary -out \(name).s \(name)")
        case .edDSA:
            try await self.shell("openssl pkeyutl -sign -inkey private.pem -rawin -in \(name) -out \(name).s")
        }
        let signature = try Data(contentsOf: URL(fileURLWithPath: self.folder.file(name + ".s")))
        return self.algorithm == .es256 ? Self.plain(signature) : signature
    }

    /// The two numbers of an ECDSA signature, taken out of their ASN.1 (RFC 7518, section 3.4).
    private static func plain(_ der: Data) -> Data {
        var rest = der.dropFirst(2)
        var numbers = Data()
        for _ in 0..<2 {
            let length = Int(rest[rest.startIndex + 1])
            let number = rest.dropFirst(2).prefix(length).suffix(32)
            numbers += Data(repeating: 0, count: 32 - number.count) + number
            rest = rest.dropFirst(2 + length)
        }
        return numbers
    }

    private func shell(_ command: String) async throws {
        try await Shell.run(command, in: self.folder)
    }
}
