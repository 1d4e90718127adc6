extension ValueFormat<String> {
    /// Any text, also an empty one.
    static func anyText(_ expectation: String) -> ValueFormat {
        .text(expectation) { $0 }
    }

    /// The path of a file or folder. Whether it is there is for its user to find out.
    static var path: ValueFormat {
        .text("a path") { $0.isEmpty ? nil : $0 }
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
        .list("a list of at least one channel name or glob, each of 1 to 63 bytes without NUL", atLeast: 1) { glob in
            (1...63).contains(glob.utf8.count) && !glob.utf8.contains(0) ? glob : nil
        }
    }
}
