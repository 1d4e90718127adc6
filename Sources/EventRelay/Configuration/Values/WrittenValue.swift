/// A value as a person wrote it, before it is read as what its key asks for.
///
/// The environment and the command line know only text; TOML has the other cases.
enum WrittenValue: Sendable, Equatable {
    case text(String)
    case integer(Int64)
    case boolean(Bool)
    /// A list of texts.
    case list([String])
    /// A list that holds something other than texts.
    case otherList
    case table
    /// A word without quotes which is neither integer nor boolean: a decimal number, a date, or text.
    case word(String)
}

extension WrittenValue {
    /// For messages: in one line, and not long.
    var shown: String {
        switch self {
        case .text(let text): "'\(text.excerpt)'"
        case .integer(let integer): "\(integer)"
        case .boolean(let boolean): "\(boolean)"
        case .list(let texts): "[\(texts.map { "'\($0)'" }.joined(separator: ", "))]".excerpt
        case .otherList: "a list with items other than text"
        case .table: "a table"
        case .word(let word): word.excerpt
        }
    }

    /// What else may help who wrote the value.
    var remark: String? {
        switch self {
        case .word(let word) where !word.prefix(1).allSatisfy("+-0123456789".contains): "TOML needs text in quotes."
        case .word, .text, .integer, .boolean, .list, .otherList, .table: nil
        }
    }
}

extension String {
    /// For messages: long enough to know the text by, short enough for a line, nothing that garbles a terminal.
    var excerpt: String {
        let limit = 60
        let scalars = self.unicodeScalars
        let visible = scalars.prefix(limit).map { $0.properties.generalCategory == .control ? "\u{FFFD}" : String($0) }
        return visible.joined() + (scalars.count > limit ? "…" : "")
    }
}
