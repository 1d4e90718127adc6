/// A position in a TOML text, and the steps forward that all of its grammar is made of.
struct TOMLScanner {
    private var rest: Substring.UnicodeScalarView

    /// The line of the position, from 1.
    private(set) var line = 1

    init(_ text: String) {
        self.rest = text.unicodeScalars[...]
        self.skip("\u{FEFF}")  // The byte order mark of some editors.
    }

    /// The next character, or `nil` at the end of the text.
    var next: Unicode.Scalar? { self.rest.first }

    func error(_ problem: String) -> TOMLSyntaxError {
        TOMLSyntaxError(line: self.line, problem: problem)
    }

    /// The same as ``error(_:)``, for a position where something else should stand.
    func error(expected: String) -> TOMLSyntaxError {
        self.error("\(expected) is missing")
    }

    @discardableResult
    mutating func take() -> Unicode.Scalar? {
        let scalar = self.rest.popFirst()
        if scalar == "\n" { self.line += 1 }
        return scalar
    }

    @discardableResult
    mutating func take(while condition: (Unicode.Scalar) -> Bool) -> String {
        var taken = String.UnicodeScalarView()
        while let scalar = self.next, condition(scalar) {
            taken.append(scalar)
            self.take()
        }
        return String(taken)
    }

    /// Goes past `literal`, which has no line break, if it stands here.
    @discardableResult
    mutating func skip(_ literal: String) -> Bool {
        guard self.rest.starts(with: literal.unicodeScalars) else { return false }
        self.rest.removeFirst(literal.unicodeScalars.count)
        return true
    }

    mutating func skipBlanks() {
        self.take { $0 == " " || $0 == "\t" }
    }

    /// Goes past the end of the line, before which nothing but blanks and a comment may stand.
    mutating func endLine() throws(TOMLSyntaxError) {
        self.skipBlanks()
        if self.next == "#" { self.take { $0 != "\n" } }
        self.skip("\r")
        guard self.next == nil || self.next == "\n" else { throw self.error(expected: "the end of the line") }
        self.take()
    }

    /// Goes past blank lines and comments. False at the end of the text.
    mutating func skipToNextLineWithContent() throws(TOMLSyntaxError) -> Bool {
        while true {
            self.skipBlanks()
            switch self.next {
            case nil: return false
            case "#", "\r", "\n": try self.endLine()
            default: return true
            }
        }
    }
}
