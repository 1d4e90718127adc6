import RelayCore
import RelayTestSupport
import Testing

struct TimestampTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000000Z"),
            (1, "1970-01-01T00:00:00.000001Z"),
            (999_999, "1970-01-01T00:00:00.999999Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (-1_500_000, "1969-12-31T23:59:58.500000Z"),
            (-86_400_000_000, "1969-12-31T00:00:00.000000Z"),
            (951_782_399_999_999, "2000-02-28T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),  // a leap year, though a century
            (951_868_800_000_000, "2000-03-01T00:00:00.000000Z"),
            (1_709_210_096_000_000, "2024-02-29T12:34:56.000000Z"),
            (1_740_787_199_000_000, "2025-02-28T23:59:59.000000Z"),
            (1_740_787_200_000_000, "2025-03-01T00:00:00.000000Z"),
            (1_795_377_600_123_456, "2026-11-22T20:00:00.123456Z"),
            (1_735_689_599_999_999, "2024-12-31T23:59:59.999999Z"),
            (4_107_542_399_000_000, "2100-02-28T23:59:59.000000Z"),  // a century that is no leap year
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
            (4_503_599_627_370_496, "2112-09-17T23:53:47.370496Z"),  // 2^52
            (9_007_199_254_740_991, "2255-06-05T23:47:34.740991Z"),  // 2^53 - 1
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
        ] as [(Int64, String)]
    )
    func `it is written as RFC 3339 in UTC`(microseconds: Int64, text: String) {
        let timestamp = Timestamp(microseconds: microseconds)
        #expect(timestamp.description == text)
    }

    @Test(arguments: [.min, .min + 1, -62_167_219_200_000_001, 253_402_300_800_000_000, .max] as [Int64])
    func `what is too far away to be a date is written all the same`(microseconds: Int64) {
        let text = Timestamp(microseconds: microseconds).description
        #expect(text.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/) != nil, "\(text)")
    }

    @Test func `every day of four centuries follows the one before it`() throws {
        var (year, month, day) = (1970, 1, 1)
        let daysOfMonth = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        for number in Int64(0)..<146_097 {
            let text = Array(Timestamp(microseconds: number * 86_400_000_000).description.utf8)
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            func digits(_ range: Range<Int>) -> Int { text[range].reduce(0) { $0 * 10 + Int($1) - 48 } }
            try #require(digits(0..<4) == year && digits(5..<7) == month && digits(8..<10) == day)
            day += 1
            if day > daysOfMonth[month - 1] + (month == 2 && isLeap ? 1 : 0) { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
        #expect(year == 2370)
    }

    @Test(
        arguments: [
            (.seconds(1), 1_000_000), (.milliseconds(-1), -1_000), (.nanoseconds(1_999), 1), (.nanoseconds(-1_999), -1),
            (.zero, 0), (.seconds(604_800), 604_800_000_000),
        ] as [(Duration, Int64)]
    )
    func `durations are counted in whole microseconds`(duration: Duration, microseconds: Int64) {
        #expect(duration.microseconds == microseconds)
        #expect(Timestamp(microseconds: 5).advanced(by: duration) == Timestamp(microseconds: 5 + microseconds))
    }
}
