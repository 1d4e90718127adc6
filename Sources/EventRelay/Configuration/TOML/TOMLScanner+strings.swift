extension TOMLScanner {
    /// `"text"` or `"""text"""`, with escapes.
    mutating func takeBasicString() throws(TOMLSyntaxError) -> String {
        try self.takeString(quote: "\"", hasEscapes: true)
    }

    /// `'text'` or `'''text'''`, without escapes.
    mutating func takeLiteralString() throws(TOMLSyntaxError) -> String {
        try self.takeString(quote: "'", hasEscapes: false)
    }

    private mutating func takeString(quote: Unicode.Scalar, hasEscapes: Bool) throws(TOMLSyntaxError) -> String {
        let firstLine = self.line
        let isMultiline = self.skip(String(repeating: Character(quote), count: 3))
        if isMultiline {
            self.skip("\r")
            if self.next == "\n" { self.take() }
        } else {
            self.skip(String(quote))
        }

        var text = String.UnicodeScalarView()
        while let scalar = self.take() {
            switch scalar {
            case quote where !isMultiline:
                return String(text)
            case quote:
                // Three quotes end the text, and up to two more before them belong to it.
                let count = 1 + self.take { $0 == quote }.count
                guard count <= 5 else { throw self.error("there are too many quotes in a row") }
                text.append(contentsOf: repeatElement(quote, count: count < 3 ? count : count - 3))
                if count >= 3 { return String(text) }
            case "\\" where hasEscapes:
                if let escaped = try self.takeEscape(isMultiline: isMultiline) { text.append(escaped) }
            case "\n" where isMultiline, "\r" where isMultiline && self.next == "\n", "\t":
                text.append(scalar)
            case "\n", "\r":
                throw Self.unclosedString(firstLine)
            default:
                guard scalar.value >= 0x20, scalar.value != 0x7F else {
                    throw self.error("a string contains a control character")
                }
                text.append(scalar)
            }
        }
        throw Self.unclosedString(firstLine)
    }

    /// What follows a backslash; `nil` for one at the end of a line, which takes the white space after it away.
    private mutating func takeEscape(isMultiline: Bool) throws(TOMLSyntaxError) -> Unicode.Scalar? {
        switch self.take() {
        case "b": return "\u{08}"
        case "t": return "\t"
        case "n": return "\n"
        case "f": return "\u{0C}"
        case "r": return "\r"
        case "\"": return "\""
        case "\\": return "\\"
        case "u": return try self.takeCodePoint(digits: 4)
        case "U": return try self.takeCodePoint(digits: 8)
        case let scalar? where isMultiline && Self.isWhiteSpace(scalar):
            let skipped = String(scalar) + self.take(while: Self.isWhiteSpace)
            guard skipped.utf8.contains(UInt8(ascii: "\n")) else { throw self.loneBackslash }
            return nil
        default: throw self.loneBackslash
        }
    }

    private static func isWhiteSpace(_ scalar: Unicode.Scalar) -> Bool {
        " \t\r\n".unicodeScalars.contains(scalar)
    }

    private mutating func takeCodePoint(digits: Int) throws(TOMLSyntaxError) -> Unicode.Scalar {
        var hexadecimal = ""
        while hexadecimal.count < digits, let digit = self.next, digit.properties.isASCIIHexDigit {
            hexadecimal.unicodeScalars.append(digit)
            self.take()
        }
        guard hexadecimal.count == digits, let scalar = UInt32(hexadecimal, radix: 16).flatMap(Unicode.Scalar.init)
        else {
            throw self.error("an escape is not a Unicode character")
        }
        return scalar
    }

    private var loneBackslash: TOMLSyntaxError {
        self.error("a backslash must be doubled, or the string put in single quotes,")
    }

    private static func unclosedString(_ firstLine: Int) -> TOMLSyntaxError {
        TOMLSyntaxError(line: firstLine, problem: "the closing quote of a string is missing")
    }
}
