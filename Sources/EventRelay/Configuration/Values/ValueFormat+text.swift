import RelayTokens

extension ValueFormat<String> {
    /// Any text, also an empty one.
    static func anyText(_ expectation: String) -> ValueFormat {
        .text(expectation) { $0 }
    }

    /// The path of a file or folder. Whether it is there is for its user to find out.
    static var path: ValueFormat {
        .text("a path") { $0.isEmpty ? nil : $0 }
    }

    /// As RFC 7518 demands of HS256 (section 3.2). What it is in bits is for who makes it.
    static var tokenSecret: ValueFormat {
        .text("a random text of at least \(TokenKeySource.minimumSecretBytes) bytes, or empty") { secret in
            secret.isEmpty || secret.utf8.count >= TokenKeySource.minimumSecretBytes ? secret : nil
        }
    }

    /// A token of RFC 9110 (section 5.6.2), as RFC 6265 has it.
    static var cookieName: ValueFormat {
        .text("the name of a cookie, of letters, digits and !#$%&'*+-.^_`|~") { name in
            let isToken = name.unicodeScalars.allSatisfy { scalar in
                scalar.isASCII
                    && (scalar.properties.isAlphabetic || "0123456789!#$%&'*+-.^_`|~".unicodeScalars.contains(scalar))
            }
            return isToken && !name.isEmpty ? name : nil
        }
    }
}

extension ValueFormat {
    /// A TOML list, whose elements may be any text, or one text whose elements are separated by commas or white space.
    /// Each element is read by `element`; there are at least `minimum` of them.
    static func list<Element>(
        _ expectation: String,
        atLeast minimum: Int,
        of element: @escaping @Sendable (String) -> Element?
    ) -> ValueFormat where Value == [Element] {
        ValueFormat(expectation: expectation) { written in
            let elements: [String]? =
                switch written {
                case .list(let elements): elements
                case .text(let text): text.split { $0 == "," || $0.isWhitespace }.map(String.init)
                case .integer, .boolean, .otherList, .table, .word: nil
                }
            guard let elements, elements.count >= minimum else { return nil }
            let read = elements.compactMap(element)
            return read.count == elements.count ? read : nil
        }
    }
}

extension ValueFormat<[String]> {
    /// Names have the 1 to 63 bytes of an identifier of PostgreSQL. A glob is held to the same.
    static var channelGlobs: ValueFormat {
        .list(
            "a list of at least one channel name or glob, each of 1 to 63 bytes without NUL",
            atLeast: 1,
            of: Self.glob
        )
    }

    /// The same, or nothing at all.
    static var channelGlobsOrNone: ValueFormat {
        .list("a list of channel names or globs, each of 1 to 63 bytes without NUL", atLeast: 0, of: Self.glob)
    }

    @Sendable
    private static func glob(_ text: String) -> String? {
        (1...63).contains(text.utf8.count) && !text.utf8.contains(0) ? text : nil
    }
}
