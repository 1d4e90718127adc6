import RelayCore
import RelayTestSupport
import Testing

struct EventIDTests {
    @Test(
        arguments: [
            ("0", 0), ("1", 1), ("1795377600123456", 1_795_377_600_123_456),
            ("9007199254740991", 9_007_199_254_740_991),  // 2^53 - 1
            ("007", 7), ("0000000000000001", 1),
        ] as [(String, Int64)]
    )
    func `decimal digits below 2^53 are an id`(text: String, value: Int64) {
        #expect(EventID(decimal: text)?.rawValue == value)
    }

    @Test(
        arguments: [
            "", "-1", "+1", "abc", "1e9", "1.0", "0x10", "1_000", " 1", "1 ", "1\n", "1\0",
            "9007199254740992",  // 2^53
            "9223372036854775807", "9223372036854775808", "18446744073709551616",  // 2^63 - 1, 2^63, 2^64
            "00000000000000001",  // too long to be an id, whatever it is worth
            "١", "１", "²", "1\u{301}", "latest",
        ]
    )
    func `anything else is no id`(text: String) {
        #expect(EventID(decimal: text) == nil)
    }

    @Test func `ids are ordered and written as their numbers`() {
        #expect(EventID(9) < EventID(10))
        #expect(!(EventID(10) < EventID(10)))
        #expect(EventID(10).next == EventID(11))
        #expect("\(EventID(42))" == "42")
        #expect(EventID.limit.rawValue == 9_007_199_254_740_992)
    }
}
