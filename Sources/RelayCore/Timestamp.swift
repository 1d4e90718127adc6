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
        String(unsafeUninitializedCapacity: Self.rfc3339Bytes) {
            self.writeRFC3339(to: UnsafeMutableRawBufferPointer($0))
            return Self.rfc3339Bytes
        }
    }

    /// Of `description`, for years 0 to 9999.
    package static let rfc3339Bytes = 27

    /// Writes the ASCII bytes of `description` to memory of `rfc3339Bytes`.
    ///
    /// The calendar arithmetic is Howard Hinnant's `civil_from_days`
    /// (https://howardhinnant.github.io/date_algorithms.html#civil_from_days).
    package func writeRFC3339(to memory: UnsafeMutableRawBufferPointer) {
        let secondsSince1970 = self.microseconds.flooredQuotient(1_000_000)
        // Wrapped, so that no time that somebody writes into the log is too far away.
        let fraction = self.microseconds &- secondsSince1970 &* 1_000_000
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

        memory.write(year, at: 0..<4, then: "-")
        memory.write(month, at: 5..<7, then: "-")
        memory.write(day, at: 8..<10, then: "T")
        memory.write(secondOfDay / 3600, at: 11..<13, then: ":")
        memory.write(secondOfDay / 60 % 60, at: 14..<16, then: ":")
        memory.write(secondOfDay % 60, at: 17..<19, then: ".")
        memory.write(fraction, at: 20..<26, then: "Z")
    }
}

extension Int64 {
    fileprivate func flooredQuotient(_ divisor: Int64) -> Int64 {
        let (quotient, remainder) = self.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Writes the lowest decimal digits of a value, and what follows them.
    fileprivate func write(_ value: Int64, at place: Range<Int>, then separator: Unicode.Scalar) {
        self.writeDigits(of: value.magnitude, at: place)
        self[place.upperBound] = UInt8(ascii: separator)
    }
}
