/// One way to write a value: what is right, and how it is read.
struct ValueFormat<Value: Sendable>: Sendable {
    /// What a right value is. It finishes the sentence "HttpPort must be …".
    let expectation: String

    /// The value, or `nil` if what was written isn't right.
    let read: @Sendable (WrittenValue) -> Value?
}

extension ValueFormat {
    /// A value that is written as text. NUL is in no text: neither files nor PostgreSQL can take it.
    static func text(
        _ expectation: String,
        _ read: @escaping @Sendable (_ text: String) -> Value?
    ) -> ValueFormat {
        ValueFormat(expectation: expectation) { written in
            guard case .text(let text) = written, !text.utf8.contains(0) else { return nil }
            return read(text)
        }
    }
}

extension ValueFormat {
    /// The same as `format`, where 0 means that there is none.
    static func zeroAsNone<Wrapped: AdditiveArithmetic>(_ format: ValueFormat<Wrapped>) -> ValueFormat
    where Value == Wrapped? {
        ValueFormat(expectation: "\(format.expectation), or 0 for none") { written in
            format.read(written).map { $0 == .zero ? nil : $0 }
        }
    }

    /// The same as `format`, where the word `off` means that there is none.
    static func offAsNone<Wrapped>(_ format: ValueFormat<Wrapped>) -> ValueFormat where Value == Wrapped? {
        ValueFormat(expectation: "\(format.expectation), or off") { written in
            if case .text(let text) = written, text.trimmed.lowercased() == "off" { return .some(nil) }
            return format.read(written).map { $0 }
        }
    }

    /// The same as `format`, where an empty text means that there is none.
    static func emptyAsNone(_ format: ValueFormat<String>) -> ValueFormat where Value == String? {
        let orEmpty = ValueFormat<String>.orEmpty(format)
        return ValueFormat(expectation: orEmpty.expectation) { written in
            orEmpty.read(written).map { $0.isEmpty ? nil : $0 }
        }
    }
}

extension ValueFormat<String> {
    /// The same as `format`, or nothing at all.
    static func orEmpty(_ format: ValueFormat) -> ValueFormat {
        ValueFormat(expectation: "\(format.expectation), or empty") { $0 == .text("") ? "" : format.read($0) }
    }
}

extension StringProtocol {
    /// Without white space at both ends.
    var trimmed: SubSequence {
        let start = self.drop(while: \.isWhitespace)
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return start }
        return start[...last]
    }
}
