import RelayCore

/// The name of a schema, table, column or function, as PostgreSQL keeps it.
struct SQLName: Hashable {
    let text: String

    /// PostgreSQL cuts longer names silently, and would then take one for another.
    static let maximumBytes = ChannelName.maximumBytes

    init(_ text: String) throws(InvalidSQLName) {
        if text.isEmpty { throw .empty }
        if text.utf8.contains(0) { throw .containsNUL }
        if text.utf8.count > Self.maximumBytes { throw .tooLong(text) }
        self.text = text
    }

    /// In double quotes, so that it means this name whatever it contains, reserved words and upper case included.
    var quoted: String { SQLText.identifier(self.text) }

    // As in PostgreSQL, bytes count; Swift's String takes "é" and "e" with a combining accent for the same.
    static func == (left: SQLName, right: SQLName) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    func hash(into hasher: inout Hasher) {
        for byte in self.text.utf8 { hasher.combine(byte) }
    }
}

enum InvalidSQLName: Error, Equatable {
    case empty
    case containsNUL
    case tooLong(String)
    case notPlain(String)
    case unclosedQuote
    case wrongCount
    case twice(String)
}

extension InvalidSQLName: CustomStringConvertible {
    var description: String {
        switch self {
        case .empty: "a name is empty"
        case .containsNUL: "a name contains a NUL character, which PostgreSQL does not allow"
        case .tooLong(let name):
            "the name \(name) has \(name.utf8.count) bytes, but PostgreSQL keeps \(SQLName.maximumBytes)"
        case .notPlain(let name):
            "\(name) is not a plain name: put it in double quotes, as in SQL, and those in single quotes for the shell"
        case .unclosedQuote: "a double quote is not closed"
        case .wrongCount: "write a table as table or schema.table, and a name with a dot in it in double quotes"
        case .twice(let name): "the column \(name) is named twice"
        }
    }
}

extension SQLName {
    /// Names as they are written in SQL: what is not in double quotes is folded to lower case.
    /// - Parameter separator: stands between them, blanks around it don't matter.
    static func list(_ text: String, separator: Unicode.Scalar) throws(InvalidSQLName) -> [SQLName] {
        var reader = Reader(rest: text.unicodeScalars[...])
        var names: [SQLName] = []
        while true {
            names.append(try reader.name(endingAt: separator))
            guard reader.skip(separator) else { return names }
        }
    }

    /// By scalars: to Swift a quote and an accent behind it are one character.
    private struct Reader {
        var rest: Substring.UnicodeScalarView

        mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
            guard self.rest.first == scalar else { return false }
            self.rest.removeFirst()
            return true
        }

        mutating func name(endingAt separator: Unicode.Scalar) throws(InvalidSQLName) -> SQLName {
            self.skipBlanks()
            let start = self.rest
            let name = self.skip("\"") ? try self.quoted() : try self.plain(endingAt: separator)
            self.skipBlanks()
            if let next = self.rest.first, next != separator {
                throw .notPlain(String(start.prefix { $0 != separator }))
            }
            return name
        }

        private mutating func skipBlanks() {
            while let next = self.rest.first, SQLText.isBlank(next) { self.rest.removeFirst() }
        }

        private mutating func quoted() throws(InvalidSQLName) -> SQLName {
            var name = String.UnicodeScalarView()
            while let next = self.rest.popFirst() {
                if next == "\"", !self.skip("\"") { return try SQLName(String(name)) }
                name.append(next)
            }
            throw .unclosedQuote
        }

        /// PostgreSQL folds the letters of ASCII only.
        private mutating func plain(endingAt separator: Unicode.Scalar) throws(InvalidSQLName) -> SQLName {
            let word = self.rest.prefix { $0 != separator && !SQLText.isBlank($0) }
            self.rest = self.rest.dropFirst(word.count)
            if word.isEmpty { throw .empty }
            guard let first = word.first, SQLText.isNameStart(first), word.allSatisfy(SQLText.isNamePart) else {
                throw .notPlain(String(word))
            }
            var folded = String.UnicodeScalarView()
            for scalar in word {
                folded.append("A"..."Z" ~= scalar ? Unicode.Scalar(UInt8(scalar.value) | 0x20) : scalar)
            }
            return try SQLName(String(folded))
        }
    }
}

/// A table with the schema that it is in.
struct TableName: Equatable {
    let schema: SQLName
    let table: SQLName

    /// Of a table that is named without. Not the writer's `search_path`, by which the same text would mean another table
    /// to somebody else.
    static let defaultSchema = "public"

    init(_ text: String) throws(InvalidSQLName) {
        let names = try SQLName.list(text, separator: ".")
        switch names.count {
        case 1: (self.schema, self.table) = (try SQLName(Self.defaultSchema), names[0])
        case 2: (self.schema, self.table) = (names[0], names[1])
        default: throw .wrongCount
        }
    }

    var quoted: String { "\(self.schema.quoted).\(self.table.quoted)" }
}
