import RelayCore
import Testing

struct PayloadTests {
    @Test(
        arguments: [
            (Array("".utf8), true), (Array("{\"a\":1}".utf8), true), (Array("größe 🐘".utf8), true), ([0x00], true),
            ([0xff], false), ([0x61, 0xe4, 0x62], false),  // "aäb" in Latin-1
            ([0xc3], false), ([0x80], false), ([0xc0, 0x80], false),  // cut, lone, overlong
            ([0xed, 0xa0, 0x80], false), ([0xf4, 0x90, 0x80, 0x80], false),  // a surrogate, beyond Unicode
        ] as [([UInt8], Bool)]
    )
    func `it keeps its bytes and knows whether they are UTF-8`(bytes: [UInt8], isValidUTF8: Bool) {
        let payload = Payload(bytes)
        #expect(Array(payload.bytes) == bytes)
        #expect(payload.isValidUTF8 == isValidUTF8)
    }

    @Test(
        arguments: [
            (Array("größe".utf8), "größe"), ([0x61, 0xe4, 0x62], "a\u{FFFD}b"), ([0xff, 0xff], "\u{FFFD}\u{FFFD}"),
            ([], ""),
        ] as [([UInt8], String)]
    )
    func `invalid sequences are repaired with U+FFFD for readers that need text`(bytes: [UInt8], text: String) {
        #expect(Array(Payload(bytes).repaired) == Array(text.utf8))
    }

    @Test func `text is always valid`() {
        #expect(Payload("größe").isValidUTF8)
        #expect(Payload("größe") == Payload(Array("größe".utf8)))
    }
}
