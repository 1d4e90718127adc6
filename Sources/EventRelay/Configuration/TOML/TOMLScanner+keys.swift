extension TOMLScanner {
    /// `key =`, with the blanks around it.
    mutating func takeKeyAndEqualsSign() throws(TOMLSyntaxError) -> String {
        let key = try self.takeKey()
        guard self.skip("=") else { throw self.error(expected: "the '=' after a key") }
        self.skipBlanks()
        return key
    }

    /// The key of `[key]` or `[[key]]`, whose first bracket is taken already.
    mutating func takeTableHeader() throws(TOMLSyntaxError) -> String {
        let isElementOfList = self.skip("[")
        let key = try self.takeKey()
        guard self.skip(isElementOfList ? "]]" : "]") else {
            throw self.error(expected: "the ']' after the name of a table")
        }
        return key
    }

    /// A key of one or more parts between dots, each with or without quotes.
    private mutating func takeKey() throws(TOMLSyntaxError) -> String {
        var parts: [String] = []
        repeat {
            self.skipBlanks()
            switch self.next {
            case "\"": parts.append(try self.takeBasicString())
            case "'": parts.append(try self.takeLiteralString())
            default:
                let part = self.take(while: Self.isBareKey)
                guard !part.isEmpty else { throw self.error(expected: "a key") }
                parts.append(part)
            }
            self.skipBlanks()
        } while self.skip(".")
        return parts.joined(separator: ".")
    }

    private static func isBareKey(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "-", "_": true
        default: false
        }
    }
}
