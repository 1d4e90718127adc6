import JWTKit
import RelayCore
import RelayTestSupport
import Testing

@testable import RelayTokens

@Suite(.timeLimit(.minutes(1)))
struct JWTVerifierTests {
    private static let claims = #"{"sub":"paul","channels":["people","orders.*"]}"#
    private static let bearer = Bearer(
        subject: "paul",
        channels: [ChannelGlob("people"), ChannelGlob("orders.*")],
        expiry: nil
    )
    private static let now = Timestamp.ofTests.seconds

    @Test(arguments: TestSigner.Algorithm.allCases)
    func `a token that openssl signed is verified with the public key`(algorithm: TestSigner.Algorithm) async throws {
        let world = try await SigningWorld(algorithm)
        #expect(try await world.outcome(Self.claims) == .success(Self.bearer))
        #expect(world.verifier.summary == algorithm.rawValue)
    }

    @Test(arguments: [TestSigner.Algorithm.rs256, .es256])
    func `a certificate is as good as its key`(algorithm: TestSigner.Algorithm) async throws {
        let signer = try await TestSigner(algorithm)
        let verifier = try await JWTVerifier.make(.keyFile(signer.certificate))
        #expect(verifier.outcome(try await signer.token(Self.claims)) == .success(Self.bearer))
    }

    @Test
    func `a token that jwt-kit signed is verified, too`() async throws {
        struct Payload: JWTPayload {
            let sub = "paul"
            let channels = ["people", "orders.*"]

            private enum CodingKeys: CodingKey {
                case sub, channels
            }

            func verify(using algorithm: some JWTAlgorithm) {}
        }
        let secret = String(repeating: "s", count: TokenKeySource.minimumSecretBytes)
        let keys = await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
        let verifier = try await JWTVerifier.make(.secret(secret))
        #expect(verifier.outcome(try await keys.sign(Payload())) == .success(Self.bearer))
    }

    @Test
    func `the example of RFC 7515 has the right signature, and lacks channels`() async throws {
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
        let bytes = try #require(base64URLDecoded(Array(key.utf8)))
        let algorithm = try await JWTKeyCollection().add(hmac: HMACKey(from: bytes), digestAlgorithm: .sha256).getKey()
        let signed =
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
            + ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        let signature = try #require(base64URLDecoded(Array("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".utf8)))
        #expect(try algorithm.verify(signature, signs: Array(signed.utf8)))
    }

    // MARK: - Claims

    @Test(
        arguments: [
            // Times: the leeway of 30 s counts for all.
            (#""exp":\#(now + 1)"#, nil), (#""exp":\#(now - 29)"#, nil), (#""exp":\#(now - 30)"#, .expired),
            (#""exp":\#(now).9"#, nil), (#""exp":0"#, .expired), (#""exp":-1e300"#, .expired), (#""exp":1e300"#, nil),
            (#""exp":"\#(now + 9)""#, .claims), (#""exp":null"#, .claims), (#""exp":true"#, .claims),
            (#""nbf":\#(now + 30)"#, nil), (#""nbf":\#(now + 32)"#, .notYetValid), (#""nbf":1e300"#, .notYetValid),
            (#""nbf":"soon""#, .claims), (#""iat":\#(now - 99)"#, nil), (#""iat":\#(now + 32)"#, .notYetValid),
            (#""iat":[1]"#, .claims),
            // Whom it names.
            (#""sub":"""#, .claims), (#""sub":7"#, .claims), (#""sub":"a\nb""#, .claims),
            (#""sub":"a\u2028b""#, .claims),
            (#""sub":"\#(String(repeating: "s", count: 255))""#, nil),
            (#""sub":"\#(String(repeating: "s", count: 256))""#, .claims),
        ] as [(String, TokenRefusal?)]
    )
    func `a claim decides`(claim: String, refusal: TokenRefusal?) async throws {
        let outcome = try await SigningWorld().outcome(#"{"channels":["people"],\#(claim)}"#)
        #expect(outcome.refusal == refusal)
    }

    @Test(
        arguments: [
            (#"["people"]"#, true), ("[]", true), (#"["*"]"#, true), (#""people""#, false), ("[1]", false),
            (#"[""]"#, false), (#"["a\u0000"]"#, false), ("null", false), ("{}", false),
            ("[\"\(String(repeating: "n", count: 63))\"]", true), ("[\"\(String(repeating: "n", count: 64))\"]", false),
            ("[" + Array(repeating: "\"n\"", count: 256).joined(separator: ",") + "]", true),
            ("[" + Array(repeating: "\"n\"", count: 257).joined(separator: ",") + "]", false),
        ]
    )
    func `channels is a list of names or globs`(channels: String, isRight: Bool) async throws {
        let outcome = try await SigningWorld().outcome("{\"channels\":\(channels)}")
        #expect((outcome.refusal == nil) == isRight)
    }

    @Test
    func `a token without channels is none for here`() async throws {
        let world = try await SigningWorld()
        for claims in ["{}", #"{"sub":"paul"}"#] { #expect(try await world.outcome(claims).refusal == .noChannels) }
        for claims in ["[]", "7", "", "{", "\u{0}"] { #expect(try await world.outcome(claims).refusal == .claims) }
    }

    @Test
    func `the expiry is that of the token and the leeway, and none where it has none`() async throws {
        let world = try await SigningWorld()
        let expiring = try await world.outcome(#"{"channels":[],"exp":\#(Self.now + 60)}"#).get()
        #expect(expiring.expiry == Timestamp(microseconds: (Self.now + 90) * 1_000_000))
        #expect(try await world.outcome(#"{"channels":[]}"#).get().expiry == nil)
    }

    @Test(
        arguments: [
            (#""iss":"us","aud":"relay""#, nil), (#""iss":"us","aud":["other","relay"]"#, nil),
            (#""aud":"relay""#, .issuer), (#""iss":"them","aud":"relay""#, .issuer),
            (#""iss":["us"],"aud":"relay""#, .claims),
            (#""iss":"us""#, .audience), (#""iss":"us","aud":"other""#, .audience),
            (#""iss":"us","aud":[]"#, .audience),
            (#""iss":"us","aud":7"#, .claims),
        ] as [(String, TokenRefusal?)]
    )
    func `issuer and audience have to be those that are set`(claims: String, refusal: TokenRefusal?) async throws {
        let world = try await SigningWorld(issuer: "us", audience: "relay")
        #expect(try await world.outcome(#"{"channels":["people"],\#(claims)}"#).refusal == refusal)
    }
}
