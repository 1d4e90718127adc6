/// Far more than there can be of anything, and little enough to be added up.
let largestCount = 1_000_000_000_000

extension ValueFormat<Int> {
    /// A whole number, in decimal digits where it is text.
    static func integer(in range: ClosedRange<Int>) -> ValueFormat {
        let bounds =
            range.upperBound == largestCount
            ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
        return ValueFormat(expectation: "a whole number \(bounds)") { written in
            let number: Int? =
                switch written {
                case .integer(let integer): Int(exactly: integer)
                case .text(let text): Int(text.trimmed)
                case .boolean, .list, .otherList, .table, .word: nil
                }
            return number.flatMap { range.contains($0) ? $0 : nil }
        }
    }

    static var port: ValueFormat { .integer(in: 0...65_535) }

    static var count: ValueFormat { .integer(in: 1...largestCount) }
}

extension ValueFormat<Bool> {
    /// All that Go's `strconv.ParseBool` takes, as the original does, and the words that people use.
    static var boolean: ValueFormat {
        ValueFormat(expectation: "true or false") { written in
            switch written {
            case .boolean(let boolean): boolean
            case .integer(1): true
            case .integer(0): false
            case .text(let text):
                switch text.trimmed.lowercased() {
                case "true", "t", "1", "yes", "on": true
                case "false", "f", "0", "no", "off": false
                default: nil
                }
            case .integer, .list, .otherList, .table, .word: nil
            }
        }
    }
}

extension ValueFormat<Int64> {
    /// A size of the ring log. Below 1 MiB its own structure would leave no room for events, and SQLite's largest file
    /// of 2^32 pages of 4 KiB is a little larger than 16 TB.
    static var logSize: ValueFormat {
        ValueFormat(expectation: "a size from 1MiB to 16TB such as 64MiB, 1GiB or a number of bytes") { written in
            let bytes: Int64? =
                switch written {
                case .integer(let integer): integer
                case .text(let text): Int64(bytesWritten: text)
                case .boolean, .list, .otherList, .table, .word: nil
                }
            return bytes.flatMap { (1 << 20...16_000_000_000_000).contains($0) ? $0 : nil }
        }
    }
}

extension ValueFormat<Duration> {
    /// - Parameter range: the two as text.
    static func duration(from least: Duration, to most: Duration, _ range: String) -> ValueFormat {
        ValueFormat(expectation: "a duration \(range) such as 30s or 1m30s") { written in
            self.duration.read(written).flatMap { (least...most).contains($0) ? $0 : nil }
        }
    }

    /// At most 100 years, so that in nanoseconds it fits into 64 bits, also when added to the time of day.
    static var duration: ValueFormat {
        .duration("a duration of at most 36500d such as 500ms, 90s, 1h or 1d12h", upTo: .seconds(36_500 * 86_400))
    }

    /// A difference between two clocks. Those that differ by more are wrong.
    static var leeway: ValueFormat {
        .duration("a duration of at most 10m such as 30s", upTo: .seconds(600))
    }

    private static func duration(_ expectation: String, upTo maximum: Duration) -> ValueFormat {
        ValueFormat(expectation: expectation) { written in
            let duration: Duration? =
                switch written {
                case .integer(0): .zero  // Any other number lacks its unit.
                case .text(let text): Duration(written: text)
                case .integer, .boolean, .list, .otherList, .table, .word: nil
                }
            return duration.flatMap { $0 <= maximum ? $0 : nil }
        }
    }
}
