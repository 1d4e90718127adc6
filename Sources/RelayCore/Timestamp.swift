/// A point in time: microseconds since 1970-01-01T00:00:00Z, without leap seconds.
package struct Timestamp: Hashable, Comparable, Sendable {
    package let microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.microseconds < right.microseconds
    }

    package func advanced(by duration: Duration) -> Timestamp {
        Timestamp(microseconds: self.microseconds + duration.microseconds)
    }
}

extension Duration {
    /// Whole microseconds, rounded towards zero.
    package var microseconds: Int64 {
        self.components.seconds * 1_000_000 + self.components.attoseconds / 1_000_000_000_000
    }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC with six digits of a second: `2026-11-22T19:00:00.123456Z`.
    package var description: String {
        String(decoding: self.rfc3339, as: UTF8.self)
    }

    /// The 27 ASCII bytes of `description`, for years 0 to 9999.
    ///
    /// The calendar arithmetic is Howard Hinnant's `civil_from_days`
    /// (https://howardhinnant.github.io/date_algorithms.html#civil_from_days).
    package var rfc3339: [UInt8] {
        let secondsSince1970 = self.microseconds.flooredQuotient(1_000_000)
        let fraction = self.microseconds - secondsSince1970 * 1_000_000
        let daysSince1970 = secondsSince1970.flooredQuotient(86_400)
        let secondOfDay = secondsSince1970 - daysSince1970 * 86_400

        let days = daysSince1970 + 719_468  // since 0000-03-01
        let era = days.flooredQuotient(146_097)
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)

        var text: [UInt8] = []
        text.reserveCapacity(27)
        text.append(digits: 4, of: year)
        text.append(UInt8(ascii: "-"))
        text.append(digits: 2, of: month)
        text.append(UInt8(ascii: "-"))
        text.append(digits: 2, of: day)
        text.append(UInt8(ascii: "T"))
        text.append(digits: 2, of: secondOfDay / 3600)
        text.append(UInt8(ascii: ":"))
        text.append(digits: 2, of: secondOfDay / 60 % 60)
        text.append(UInt8(ascii: ":"))
        text.append(digits: 2, of: secondOfDay % 60)
        text.append(UInt8(ascii: "."))
        text.append(digits: 6, of: fraction)
        text.append(UInt8(ascii: "Z"))
        return text
    }
}

extension Int64 {
    fileprivate func flooredQuotient(_ divisor: Int64) -> Int64 {
        let (quotient, remainder) = self.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

extension [UInt8] {
    fileprivate mutating func append(digits count: Int, of value: Int64) {
        var divisor: Int64 = 1
        for _ in 1..<count { divisor *= 10 }
        for _ in 0..<count {
            self.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }
}
