extension Duration {
    /// Reads `90s`, `1h`, `7d`, `1d12h`, `500ms`: one or more whole numbers, each with its unit.
    /// Only `0` may go without.
    init?(written text: String) {
        let text = text.trimmed
        guard text != "0" else {
            self = .zero
            return
        }
        var rest = text
        var milliseconds: Int64 = 0
        repeat {
            guard let (number, unit) = rest.takeNumberAndUnit(), let factor = millisecondsByUnit[unit] else {
                return nil
            }
            let (product, overflow) = number.multipliedReportingOverflow(by: factor)
            let (sum, overflowOfSum) = milliseconds.addingReportingOverflow(product)
            guard !overflow, !overflowOfSum else { return nil }
            milliseconds = sum
        } while !rest.isEmpty
        self = .milliseconds(milliseconds)
    }
}

extension Int64 {
    /// Reads `64MiB`, `10 MB`, `1000000`: a whole number, of bytes if no unit follows. Case doesn't count.
    init?(bytesWritten text: String) {
        var rest = text.trimmed
        guard let (number, unit) = rest.takeNumberAndUnit(), rest.isEmpty else { return nil }
        guard let factor = bytesByUnit[unit.lowercased()] else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        self = bytes
    }
}

extension Substring {
    /// Takes digits, white space and letters from the front; the last two may be missing.
    fileprivate mutating func takeNumberAndUnit() -> (number: Int64, unit: String)? {
        let digits = self.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits) else { return nil }
        let unit = self[digits.endIndex...].drop(while: \.isWhitespace).prefix(while: \.isLetter)
        self = self[unit.endIndex...]
        return (number, String(unit))
    }
}

private let millisecondsByUnit: [String: Int64] = [
    "ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000,
]

private let bytesByUnit: [String: Int64] = [
    "": 1, "b": 1,
    "kb": 1_000, "mb": 1_000_000, "gb": 1_000_000_000, "tb": 1_000_000_000_000,
    "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
]
