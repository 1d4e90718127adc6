/// An SQL expression that decides which changes of rows are told, as a trigger's `WHEN` takes it.
///
/// It is the caller's own SQL and not made harmless. It is read as far as to know which rows it names, since an INSERT
/// has no OLD and a DELETE no NEW, and to see that it ends where it should.
struct RowCondition: Equatable {
    let text: String
    private(set) var namesOld = false
    private(set) var namesNew = false

    init(_ text: String) throws(InvalidRowCondition) {
        self.text = text
        var reader = Reader(rest: text.unicodeScalars[...])
        var (isEmpty, depth) = (true, 0)
        while let token = try reader.next() {
            isEmpty = false
            switch token {
            case .name("old"): self.namesOld = true
            case .name("new"): self.namesNew = true
            case .opening: depth += 1
            case .closing: depth -= 1
            case .end: throw .moreThanOne
            case .name, .other: break
            }
            if depth < 0 { throw .parentheses }
        }
        if isEmpty { throw .empty }
        if depth > 0 { throw .parentheses }
    }

    private enum Token: Equatable {
        /// Folded to lower case, unless it was quoted. Not what stands behind a dot, such as a column.
        case name(String)
        case opening, closing
        /// A semicolon.
        case end
        case other
    }

    /// Takes SQL apart by the rules of PostgreSQL's lexer, as far as they matter here.
    private struct Reader {
        var rest: Substring.UnicodeScalarView
        private var isBehindDot = false

        init(rest: Substring.UnicodeScalarView) { self.rest = rest }

        /// - Returns: nil at the end. Comments are passed over.
        mutating func next() throws(InvalidRowCondition) -> Token? {
            while let first = self.rest.first {
                if SQLText.isBlank(first) {
                    self.rest.removeFirst()
                } else if self.skip("--") {
                    self.rest = self.rest.drop { $0 != "\n" && $0 != "\r" }
                } else if self.skip("/*") {
                    try self.skipBlockComment()
                } else {
                    return try self.token(first)
                }
            }
            return nil
        }

        private mutating func token(_ first: Unicode.Scalar) throws(InvalidRowCondition) -> Token {
            let wasBehindDot = self.isBehindDot
            self.isBehindDot = first == "."
            if SQLText.isNameStart(first) {
                let name = self.rest.prefix(while: SQLText.isNamePart)
                self.rest = self.rest.dropFirst(name.count)
                let folded = String(name).lowercased()
                if folded == "e", self.skip("'") {
                    try self.skipString(hasBackslashes: true)
                    return .other
                }
                return wasBehindDot ? .other : .name(folded)
            }
            if first == "$", let tag = self.dollarTag() {
                self.rest = self.rest.dropFirst(tag.count)
                while !self.skip(tag) {
                    guard self.rest.popFirst() != nil else { throw .unclosed }
                }
                return .other
            }
            self.rest.removeFirst()
            switch first {
            case "'":
                try self.skipString(hasBackslashes: false)
                return .other
            case "\"":
                let name = try self.quotedName()
                return wasBehindDot ? .other : .name(name)
            case "(", "[": return .opening
            case ")", "]": return .closing
            case ";": return .end
            default:
                // A number with what belongs to it: 1e5 is not the name e5.
                if ("0"..."9").contains(first) { self.rest = self.rest.drop(while: SQLText.isNamePart) }
                return .other
            }
        }

        private mutating func skip(_ text: some Sequence<Unicode.Scalar>) -> Bool {
            guard self.rest.starts(with: text) else { return false }
            self.rest = self.rest.dropFirst(Array(text).count)
            return true
        }

        private mutating func skip(_ text: String) -> Bool { self.skip(text.unicodeScalars) }

        /// Such comments stand within each other.
        private mutating func skipBlockComment() throws(InvalidRowCondition) {
            var depth = 1
            while depth > 0 {
                if self.skip("/*") {
                    depth += 1
                } else if self.skip("*/") {
                    depth -= 1
                } else if self.rest.popFirst() == nil {
                    throw .unclosed
                }
            }
        }

        /// Its end is the first quote that is not doubled: one that is begins the same string again.
        private mutating func skipString(hasBackslashes: Bool) throws(InvalidRowCondition) {
            while let next = self.rest.popFirst() {
                if next == "'", !self.skip("'") { return }
                if next == "\\", hasBackslashes { self.rest = self.rest.dropFirst() }
            }
            throw .unclosed
        }

        private mutating func quotedName() throws(InvalidRowCondition) -> String {
            var name = String.UnicodeScalarView()
            while let next = self.rest.popFirst() {
                if next == "\"", !self.skip("\"") { return String(name) }
                name.append(next)
            }
            throw .unclosed
        }

        /// `$$` or `$tag$` at the beginning; nil for a parameter or a lone sign.
        private func dollarTag() -> [Unicode.Scalar]? {
            let tag = self.rest.dropFirst().prefix { SQLText.isNamePart($0) && $0 != "$" }
            if let first = tag.first, !SQLText.isNameStart(first) { return nil }
            guard self.rest.dropFirst(1 + tag.count).first == "$" else { return nil }
            return ["$"] + tag + ["$"]
        }
    }
}

enum InvalidRowCondition: Error, Equatable {
    case empty
    case parentheses
    case unclosed
    case moreThanOne
}

extension InvalidRowCondition: CustomStringConvertible {
    var description: String {
        switch self {
        case .empty: "there is no expression: write one such as \"NEW.total > 100\""
        case .parentheses: "its parentheses or brackets don't match"
        case .unclosed: "a quote or comment in it is not closed"
        case .moreThanOne: "it is more than one expression: leave out the semicolon"
        }
    }
}
