extension TOMLScanner {
    /// How deep lists and inline tables may lie in one another. Settings need 1; recursion needs some limit.
    private static let deepest = 16

    /// A value of any kind. A word without quotes ends at a line break, a comment, or one of the characters of `end`.
    mutating func takeValue(endingAt end: String, depth: Int = 0) throws(TOMLSyntaxError) -> WrittenValue {
        guard depth <= Self.deepest else { throw self.error("brackets are nested too deeply") }
        switch self.next {
        case "\"": return .text(try self.takeBasicString())
        case "'": return .text(try self.takeLiteralString())
        case "[": return try self.takeList(depth: depth)
        case "{": return try self.takeInlineTable(depth: depth)
        default: return try self.takeWord(endingAt: end)
        }
    }

    private mutating func takeWord(endingAt end: String) throws(TOMLSyntaxError) -> WrittenValue {
        let word = self.take { $0 != "#" && $0 != "\r" && $0 != "\n" && !end.unicodeScalars.contains($0) }.trimmed
        switch word {
        case "": throw self.error(expected: "a value")
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        default: return Int64(tomlInteger: word).map { .integer($0) } ?? .word(String(word))
        }
    }

    /// `[value, value]`, over several lines if need be, and with a comma after the last one if it is there.
    private mutating func takeList(depth: Int) throws(TOMLSyntaxError) -> WrittenValue {
        self.skip("[")
        var values: [WrittenValue] = []
        while try self.skipToNextLineWithContent() {
            if self.skip("]") { return Self.list(of: values) }
            values.append(try self.takeValue(endingAt: ",]", depth: depth + 1))
            guard try self.skipToNextLineWithContent(), self.skip(",") || self.next == "]" else { break }
        }
        throw self.error(expected: "a ',' or the ']' of a list")
    }

    private static func list(of values: [WrittenValue]) -> WrittenValue {
        var texts: [String] = []
        for value in values {
            guard case .text(let text) = value else { return .otherList }
            texts.append(text)
        }
        return .list(texts)
    }

    /// `{key = value, key = value}` in one line.
    private mutating func takeInlineTable(depth: Int) throws(TOMLSyntaxError) -> WrittenValue {
        self.skip("{")
        self.skipBlanks()
        guard !self.skip("}") else { return .table }
        repeat {
            _ = try self.takeKeyAndEqualsSign()
            _ = try self.takeValue(endingAt: ",}", depth: depth + 1)
            self.skipBlanks()
        } while self.skip(",")
        guard self.skip("}") else { throw self.error(expected: "the '}' of an inline table") }
        return .table
    }
}

extension Int64 {
    /// A decimal, hexadecimal, octal or binary integer as TOML writes it, with `_` between digits.
    fileprivate init?(tomlInteger word: Substring) {
        let groups = word.split(separator: "_", omittingEmptySubsequences: false)
        guard groups.allSatisfy({ !$0.isEmpty && $0.last != "x" }) else { return nil }
        let digits = groups.joined()
        let radix =
            switch digits.prefix(2) {
            case "0x": 16
            case "0o": 8
            case "0b": 2
            default: 10
            }
        if radix == 10 {
            let unsigned = digits.drop { $0 == "+" || $0 == "-" }
            guard unsigned == "0" || unsigned.first != "0" else { return nil }
            self.init(digits)
        } else {
            guard digits.dropFirst(2).first?.isHexDigit == true else { return nil }
            self.init(digits.dropFirst(2), radix: radix)
        }
    }
}
