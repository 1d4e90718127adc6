import Foundation
import JWTKit
import RelayCore
import RelayTestSupport
import Testing

@testable import RelayTokens

/// The rows of the table of attacks in docs/security.md.
@Suite(.timeLimit(.minutes(1)))
struct TokenAttackTests {
    private static let claims = #"{"channels":["*"]}"#

    private static func unsigned(_ header: String, signature: String = "") -> String {
        "\(TestSigner.encoded(header)).\(TestSigner.encoded(self.claims)).\(signature)"
    }

    @Test(arguments: TestSigner.Algorithm.allCases)
    func `an algorithm that is not the key's is refused, none above all`(algorithm: TestSigner.Algorithm) async throws {
        let world = try await SigningWorld(algorithm)
        for name in ["none", "None", "NONE", "nOnE", "", "HS384", "HS512", "RS512", "PS256", "hs256", "EdDSA "] {
            let header = #"{"alg":"\#(name)"}"#
            #expect(world.verifier.outcome(Self.unsigned(header)).refusal == .algorithm)
            #expect(world.verifier.outcome(Self.unsigned(header, signature: "AAAA")).refusal == .algorithm)
            #expect(try await world.outcome(Self.claims, header: header).refusal == .algorithm)
        }
    }

    @Test
    func `an algorithm that is absent or no text is refused`() async throws {
        let world = try await SigningWorld()
        #expect(try await world.outcome(Self.claims, header: "{}").refusal == .algorithm)
        #expect(try await world.outcome(Self.claims, header: #"{"alg":null}"#).refusal == .algorithm)
        for header in [#"{"alg":7}"#, #"{"alg":["HS256"]}"#, "[]", "\"HS256\"", "", "{", #"{"alg":"HS256","kid":7}"#] {
            #expect(try await world.outcome(Self.claims, header: header).refusal == .malformed)
        }
    }

    @Test(arguments: [TestSigner.Algorithm.rs256, .es256, .edDSA])
    func `a public key is no secret: HS256 with it is refused`(algorithm: TestSigner.Algorithm) async throws {
        let world = try await SigningWorld(algorithm)
        let text = try #require(try TestFiles.text(of: world.signer.publicKey))
        for secret in [text, text.trimmingCharacters(in: .newlines)] {
            let signed = Self.unsigned(#"{"alg":"HS256"}"#).dropLast()
            let key = try await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256).getKey()
            let signature = TestSigner.base64URL(Data(try key.sign(Array(signed.utf8))))
            #expect(world.verifier.outcome("\(signed).\(signature)").refusal == .algorithm)
            // The same, where the header tells the truth about the key.
            let claimed = Self.unsigned(#"{"alg":"\#(algorithm.rawValue)"}"#).dropLast()
            let forged = TestSigner.base64URL(Data(try key.sign(Array(claimed.utf8))))
            #expect(world.verifier.outcome("\(claimed).\(forged)").refusal == .signature)
        }
    }

    @Test(arguments: TestSigner.Algorithm.allCases)
    func `another key's signature is refused, and so is a changed, cut or missing one`(
        algorithm: TestSigner.Algorithm
    ) async throws {
        let world = try await SigningWorld(algorithm)
        let other = try await TestSigner(algorithm).token(Self.claims)
        #expect(world.verifier.outcome(other).refusal == .signature)
        let token = try await world.signer.token(Self.claims)
        let parts = token.split(separator: ".").map(String.init)
        let first = parts[2].first == "A" ? "B" : "A"
        let wrong = [
            "", first + parts[2].dropFirst(), String(parts[2].dropLast(4)), parts[2] + "AAAA",
            String(repeating: "A", count: 86),
        ]
        for signature in wrong {
            #expect(world.verifier.outcome("\(parts[0]).\(parts[1]).\(signature)").refusal == .signature)
        }
        let changed = TestSigner.encoded(#"{"channels":["**"]}"#)
        #expect(world.verifier.outcome("\(parts[0]).\(changed).\(parts[2])").refusal == .signature)
        #expect(world.verifier.outcome(token).refusal == nil)
    }

    @Test
    func `a key in the header is not looked at`() async throws {
        let world = try await SigningWorld(.rs256)
        let attacker = try await TestSigner(.rs256)
        let header = #"{"alg":"RS256","jwk":\#(try attacker.jwk("k")),"jku":"https://attacker.example/keys"}"#
        #expect(world.verifier.outcome(try await attacker.token(Self.claims, header: header)).refusal == .signature)
    }

    @Test(arguments: [#"["exp"]"#, "[]", #"["b64"]"#, "null", "7"])
    func `an extension that has to be understood is refused`(critical: String) async throws {
        let header = #"{"alg":"HS256","b64":true,"crit":\#(critical)}"#
        #expect(try await SigningWorld().outcome(Self.claims, header: header).refusal == .critical)
    }

    @Test(
        arguments: [
            ("JWT", nil), ("jwt", nil), ("at+jwt", nil), ("application/at+jwt", nil), ("", .type), ("JWE", .type),
            ("dpop+jwt", .type), ("logout+jwt", .type), ("secevent+jwt", .type), ("application/", .type),
        ] as [(String, TokenRefusal?)]
    )
    func `a token made for something else is refused`(type: String, refusal: TokenRefusal?) async throws {
        let header = #"{"alg":"HS256","typ":"\#(type)"}"#
        #expect(try await SigningWorld().outcome(Self.claims, header: header).refusal == refusal)
    }

    @Test
    func `what is longer than 8 KiB is refused before anything else, up to there it is read`() async throws {
        let world = try await SigningWorld()
        let token = try await world.signer.token(Self.claims)
        let frame = token.utf8.count + 24
        let filler = String(repeating: "x", count: 3 * (JWTVerifier.maximumTokenBytes - frame) / 4)
        let longest = try await world.signer.token(#"{"channels":["*"],"x":"\#(filler)"}"#)
        #expect((JWTVerifier.maximumTokenBytes - 20...JWTVerifier.maximumTokenBytes).contains(longest.utf8.count))
        #expect(world.verifier.outcome(longest).refusal == nil)
        let long = String(repeating: "A", count: JWTVerifier.maximumTokenBytes + 1)
        for token in [long, "\(long).\(long).\(long)", "a.b." + long] {
            #expect(world.verifier.outcome(token).refusal == .tooLong)
        }
    }

    @Test(
        arguments: [
            "", ".", "..", "...", "a", "a.b", "a.b.c.d", "....", "é.é.é", "\u{0}", "Bearer", " . . ", "a=.b=.c=",
            "eyJhbGciOiJIUzI1NiJ9.e30.é", "eyJhbGciOiJIUzI1NiJ9.e30.A+/A", "eyJhbGciOiJIUzI1NiJ9.e30.AA==",
            "eyJhbGciOiJIUzI1NiJ9.e30.A", "eyJhbGciOiJIUzI1NiJ9.e30.e30.e30.e30",
        ]
    )
    func `what is no token is refused`(text: String) async throws {
        #expect(try await SigningWorld().verifier.outcome(text).refusal == .malformed)
    }

    @Test
    func `JSON that is nested as deep as fits does no harm`() async throws {
        let world = try await SigningWorld()
        let deep = String(repeating: "[", count: 2500)
        for (open, close) in [(deep, ""), (deep, String(repeating: "]", count: 2500))] {
            let text = #"{"alg":"HS256","channels":["*"],"x":\#(open)\#(close)}"#
            #expect(try await world.outcome(Self.claims, header: text).refusal == .malformed)
            #expect(try await world.outcome(text).refusal == .claims)
        }
    }

    @Test
    func `no token that was changed anywhere counts, whatever it was changed to`() async throws {
        var random = RandomTests.generator("changed tokens")
        let world = try await SigningWorld()
        let token = Array(try await world.signer.token(#"{"channels":["people"],"sub":"paul"}"#).utf8)
        let alphabet = Array("AZaz09-_.=+/ \u{0}é".utf8)
        for _ in 0..<(2000 * RandomTests.size) {
            var changed = token
            for _ in 0...Int.random(in: 0...3, using: &random) {
                let place = Int.random(in: 0..<changed.count, using: &random)
                switch Int.random(in: 0...2, using: &random) {
                case 0: changed[place] = alphabet.randomElement(using: &random) ?? 0
                case 1: changed.remove(at: place)
                default: changed.insert(alphabet.randomElement(using: &random) ?? 0, at: place)
                }
            }
            // The last character of the signature has two bits that say nothing.
            guard changed.dropLast() != token.dropLast() else { continue }
            #expect(world.verifier.outcome(String(decoding: changed, as: UTF8.self)).refusal != nil)
        }
    }
}
