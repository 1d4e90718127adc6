import RelayCore
import RelayTestSupport
import Testing

struct ChannelNameTests {
    @Test(
        arguments: [
            "a", "people", "People", "my.channel", "with space", "größe", "通知", "🐘", "a\"b", "'; DROP TABLE x; --",
            "a/b", "%41", "\u{1}", "*", String(repeating: "x", count: 63), String(repeating: "é", count: 31) + "x",
        ]
    )
    func `up to 63 bytes of anything but NUL are a name, as they are`(text: String) throws {
        #expect(try ChannelName(text).text == text)
    }

    @Test(
        arguments: [
            ("", .empty), ("\0", .containsNUL), ("a\0b", .containsNUL),
            (String(repeating: "x", count: 64), .tooLong(bytes: 64)),
            (String(repeating: "é", count: 32), .tooLong(bytes: 64)),
            (String(repeating: "🐘", count: 16), .tooLong(bytes: 64)),
            (String(repeating: "\0", count: 64), .containsNUL),
        ] as [(String, InvalidChannelName)]
    )
    func `other texts are refused with what to change`(text: String, error: InvalidChannelName) {
        #expect(throws: error) { try ChannelName(text) }
        #expect(error.description.hasPrefix("the channel name "))
    }

    @Test func `names are the same when their bytes are, as in PostgreSQL`() {
        let (composed, decomposed): (ChannelName, ChannelName) = ("\u{e9}", "e\u{301}")
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed, "\u{e9}"]).count == 2)
    }

    @Test func `case counts`() {
        #expect("People" as ChannelName != "people")
    }

    @Test func `the sentence about a long name has its length and the limit`() {
        #expect(InvalidChannelName.tooLong(bytes: 70).description.contains("70 bytes"))
        #expect(InvalidChannelName.tooLong(bytes: 70).description.contains("63"))
    }

    @Test func `names are in the order of their bytes, and none is equal to another`() {
        let names: [ChannelName] = ["A", "a", "a.b", "ab", "e", "e\u{301}", "z", "é", "🐘"]
        for (place, name) in names.enumerated() {
            for (otherPlace, other) in names.enumerated() { #expect((name < other) == (place < otherPlace)) }
        }
        #expect(names.shuffled().sorted() == names)
    }
}
