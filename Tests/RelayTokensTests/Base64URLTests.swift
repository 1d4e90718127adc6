import Foundation
import RelayTestSupport
import Testing

@testable import RelayTokens

struct Base64URLTests {
    @Test
    func `what was encoded comes back, at any length`() {
        var random = RandomTests.generator("base64url")
        for count in 0..<200 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(base64URLDecoded(Array(TestSigner.base64URL(Data(bytes)).utf8)) == bytes)
        }
    }

    @Test(arguments: ["A", "AAAAA", "A=", "AA==", "A+", "A/", "A A", "é", "AAA\n", "\u{0}A"])
    func `anything else is refused`(text: String) {
        #expect(base64URLDecoded(Array(text.utf8)) == nil)
    }
}
