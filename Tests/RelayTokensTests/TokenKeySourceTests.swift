import Foundation
import RelayCore
import RelayTestSupport
import Testing

@testable import RelayTokens

/// Where keys come from, and what becomes of them when that changes.
@Suite(.timeLimit(.minutes(1)))
struct TokenKeySourceTests {
    private static let claims = #"{"channels":["people"]}"#
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        self.folder = try TemporaryFolder()
        self.path = self.folder.file("keys")
    }

    /// A verifier with the keys of a set that holds these.
    private func verifier(_ entries: [String]) async throws -> JWTVerifier {
        try self.write(entries)
        return try await JWTVerifier.make(.jwksFile(self.path))
    }

    private func write(_ entries: [String]) throws {
        try TestFiles.write("{\"keys\":[\(entries.joined(separator: ","))]}", to: self.path)
    }

    private func header(_ signer: TestSigner, _ kid: String?) -> String {
        #"{"alg":"\#(signer.algorithm.rawValue)"\#(kid.map { ",\"kid\":\"\($0)\"" } ?? "")}"#
    }

    // MARK: - Sets

    @Test
    func `of several keys the one that kid names counts, with the algorithm that is its own`() async throws {
        let signers = try await [TestSigner(.rs256), TestSigner(.es256), TestSigner(.edDSA)]
        let entries = try zip(signers, ["r", "e", "d"]).map { try $0.jwk($1) }
        let verifier = try await self.verifier(entries)
        #expect(verifier.summary == "d=EdDSA e=ES256 r=RS256")
        for signer in signers {
            for (other, kid) in zip(signers, ["r", "e", "d"]) {
                let token = try await signer.token(Self.claims, header: self.header(signer, kid))
                #expect(verifier.outcome(token).refusal == (signer === other ? nil : .algorithm))
            }
            for kid in ["x", "", "R", nil] as [String?] {
                let token = try await signer.token(Self.claims, header: self.header(signer, kid))
                #expect(verifier.outcome(token).refusal == .unknownKey)
            }
        }
    }

    @Test
    func `a token need not name the only key, but not another one either`() async throws {
        let signer = try await TestSigner(.es256)
        for kid in ["k", nil] as [String?] {
            let verifier = try await self.verifier([try signer.jwk(kid)])
            let nameless = try await signer.token(Self.claims, header: self.header(signer, nil))
            #expect(verifier.outcome(nameless).refusal == nil)
            let named = try await signer.token(Self.claims, header: self.header(signer, "other"))
            #expect(verifier.outcome(named).refusal == .unknownKey)
        }
    }

    @Test
    func `keys for something else are left out`() async throws {
        let (signer, secret) = try await (TestSigner(.rs256), TestSigner(.hs256))
        let entries = [
            try signer.jwk("k", #""use":"sig","alg":"RS256","x5c":["…"],"#), try signer.jwk("enc", #""use":"enc","#),
            try signer.jwk("other", #""alg":"RS512","#), try signer.jwk("ops", #""key_ops":["encrypt"],"#),
            try secret.jwk("secret"), #"{"kty":"new"}"#,
            #"{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}"#, #"{"kty":"OKP","crv":"X25519","x":"AA"}"#,
        ]
        let verifier = try await self.verifier(entries)
        #expect(verifier.summary == "k=RS256")
        let forged = try await secret.token(Self.claims, header: #"{"alg":"HS256","kid":"secret"}"#)
        #expect(verifier.outcome(forged).refusal == .unknownKey)
        #expect(verifier.outcome(try await signer.token(Self.claims)).refusal == nil)
    }

    @Test(
        arguments: [
            ("", "not a JSON object"), ("[]", "not a JSON object"), ("{}", "not a JSON object"),
            (#"{"keys":{}}"#, "not a JSON object"),
            (#"{"keys":[7]}"#, "not a JSON object"), (#"{"keys":[{"kid":"k"}]}"#, "not a JSON object"),
            (#"{"keys":[{"kty":"RSA","kid":7}]}"#, "not a JSON object"), (#"{"keys":[]}"#, "none of its 0 keys"),
            (#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#, "none of its 1 keys"),
            (#"{"keys":[{"kty":"RSA","kid":"k"}]}"#, "the key 'k' is broken: it lacks a part"),
            (#"{"keys":[{"kty":"RSA","kid":"k","n":"AAAA","e":"AQAB"}]}"#, "the key 'k' is broken"),
            (#"{"keys":[{"kty":"RSA","kid":"k","n":"!","e":""}]}"#, "the key 'k' is broken"),
            (#"{"keys":[{"kty":"EC","crv":"P-256","kid":"k","x":"AA","y":"AA"}]}"#, "the key 'k' is broken"),
            (#"{"keys":[{"kty":"EC","crv":"P-256","kid":"k","x":"","y":""}]}"#, "the key 'k' is broken"),
            (#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"AA"}]}"#, "the key 'k' is broken"),
            (#"{"keys":[{"kty":"OKP","crv":"Ed25519"}]}"#, "the key 'without kid' is broken"),
        ]
    )
    func `a set that makes no sense is refused, with the reason`(text: String, reason: String) async throws {
        try TestFiles.write(text, to: self.path)
        await self.expectUnusable(.jwksFile(self.path), reason)
    }

    @Test
    func `keys that can't be told apart are refused`() async throws {
        let signer = try await TestSigner(.edDSA)
        try self.write([try signer.jwk("k"), try signer.jwk("k")])
        await self.expectUnusable(.jwksFile(self.path), "two of its keys have the kid 'k'")
        try self.write([try signer.jwk("k"), try signer.jwk(nil)])
        await self.expectUnusable(.jwksFile(self.path), "a key has no kid")
    }

    // MARK: - One key

    @Test
    func `a key file that can't be used is refused, with the reason`() async throws {
        let (signer, edDSA) = try await (TestSigner(.rs256), TestSigner(.edDSA))
        await self.expectUnusable(.keyFile(self.path), "it does not exist")
        await self.expectUnusable(.keyFile(signer.privateKey), "a private key")
        await self.expectUnusable(.keyFile(edDSA.certificate), "its certificate can't be read")
        let pem = try #require(try TestFiles.text(of: signer.publicKey))
        let broken = [
            ("", "0 PEM blocks"), ("key", "0 PEM blocks"), (pem + pem, "2 PEM blocks"),
            (pem.replacing("M", with: "N"), "its key can't be read"),
            (String(pem.dropLast(40)), "its key can't be read"),
            (pem.replacing("PUBLIC KEY", with: "CERTIFICATE"), "its certificate can't be read"),
        ]
        for (text, reason) in broken {
            try TestFiles.write(text, to: self.path)
            await self.expectUnusable(.keyFile(self.path), reason)
        }
    }

    @Test(arguments: ["-algorithm RSA -pkeyopt rsa_keygen_bits:1024", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384"])
    func `a weak key, or one of another kind, is refused`(options: String) async throws {
        let command = "openssl genpkey \(options) | openssl pkey -pubout -out keys"
        let process = try ChildProcess("/bin/sh", ["-c", command], folder: self.folder.path)
        #expect(try await process.exitStatus() == 0)
        await self.expectUnusable(.keyFile(self.path), "its key can't be read, or is of another kind")
    }

    @Test
    func `a secret of less than 32 bytes is refused, and never shown`() async throws {
        let secret = String(repeating: "é", count: 15) + "x"
        await self.expectUnusable(.secret(secret), "fewer than 32 bytes")
        do {
            _ = try await JWTVerifier.make(.secret(secret))
        } catch {
            #expect(!"\(error)".contains("éé"))
        }
    }

    private func expectUnusable(_ source: TokenKeySource, _ reason: String) async {
        await #expect {
            _ = try await JWTVerifier.make(source)
        } throws: {
            "\($0)".contains(reason)
        }
    }

    // MARK: - Reloading

    @Test
    func `after a reload the new key counts, and the old one does not`() async throws {
        let (old, new) = try await (TestSigner(.es256), TestSigner(.rs256))
        let (oldToken, newToken) = try await (old.token(Self.claims), new.token(Self.claims))
        try self.write([try old.jwk("a")])
        let source = TokenKeySource.jwksFile(self.path)
        #expect(source.files == [self.path])
        let verifier = try await JWTVerifier.make(source)
        try self.write([try new.jwk("b")])
        #expect(verifier.outcome(oldToken).refusal == nil)
        try await verifier.reload()
        #expect(verifier.outcome(oldToken).refusal == .algorithm)
        #expect(verifier.outcome(newToken).refusal == nil)
    }

    @Test
    func `a file that can't be used leaves the old keys as they are`() async throws {
        let signer = try await TestSigner(.edDSA)
        let token = try await signer.token(Self.claims)
        let verifier = try await self.verifier([try signer.jwk("a")])
        for text in ["", "{", #"{"keys":[]}"#] {
            try TestFiles.write(text, to: self.path)
            await #expect(throws: TokenKeysUnusable.self) { try await verifier.reload() }
            #expect(verifier.outcome(token).refusal == nil)
        }
        try FileManager.default.removeItem(atPath: self.path)
        await #expect(throws: TokenKeysUnusable.self) { try await verifier.reload() }
        #expect(verifier.outcome(token).refusal == nil && verifier.summary == "a=EdDSA")
    }

    @Test
    func `a secret has no file to watch`() async throws {
        let source = TokenKeySource.secret(String(repeating: "s", count: 32))
        #expect(source.files.isEmpty)
        let verifier = try await JWTVerifier.make(source)
        try await verifier.reload()
    }
}
