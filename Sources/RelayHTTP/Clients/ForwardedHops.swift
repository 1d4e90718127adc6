/// The hops that `Forwarded` (RFC 7239) or `X-Forwarded-For` names, from the nearest to the farthest.
///
/// Read from the right end: only that was written by the proxy that sent the request. What stands to the left may be
/// anything, also quotes that never end, and must not change how the right is understood.
struct ForwardedHops: IteratorProtocol {
    enum Hop: Equatable {
        case address(IPAddress)
        /// `unknown`, a name that hides the address, an element that names none, or what can't be understood.
        case hidden
    }

    private enum Form {
        case forwarded, forwardedFor
    }

    private let form: Form
    /// Lines of the header that are not begun, the nearest last.
    private var lines: ArraySlice<String>
    /// What is left of the current line; nil before the first and behind the last.
    private var rest: Substring.UTF8View?

    /// - Parameter lines: all lines of the header.
    /// - Returns: nil without any.
    init?(forwarded lines: [String]) {
        self.init(.forwarded, lines)
    }

    init?(forwardedFor lines: [String]) {
        self.init(.forwardedFor, lines)
    }

    private init?(_ form: Form, _ lines: [String]) {
        if lines.isEmpty { return nil }
        self.form = form
        self.lines = lines[...]
    }

    mutating func next() -> Hop? {
        while true {
            if self.rest == nil { self.rest = self.lines.popLast()?[...].utf8 }
            guard let line = self.rest else { return nil }
            let (element, rest) = Self.cutLast(of: line, at: ",", mindsQuotes: self.form == .forwarded)
            self.rest = rest
            // Empty elements of a list count for nothing (RFC 9110, section 5.6.1).
            if element.isEmpty { continue }
            switch self.form {
            case .forwardedFor: return Self.hop(node: element)
            case .forwarded: return Self.hop(element: element)
            }
        }
    }

    /// The last part without blanks around it, and what stands before its separator: nil if there is none. A separator
    /// within quotes is none.
    private static func cutLast(
        of text: Substring.UTF8View,
        at separator: Unicode.Scalar,
        mindsQuotes: Bool
    ) -> (part: Substring.UTF8View, rest: Substring.UTF8View?) {
        var isQuoted = false
        for index in text.indices.reversed() {
            switch text[index] {
            case UInt8(ascii: "\"") where mindsQuotes:
                // One behind a backslash belongs to the quoted text.
                if !isQuoted || text[..<index].last != UInt8(ascii: "\\") { isQuoted.toggle() }
            case UInt8(ascii: separator) where !isQuoted:
                return (text[text.index(after: index)...].withoutBlanks, text[..<index])
            default:
                continue
            }
        }
        return (text.withoutBlanks, nil)
    }

    /// `for=192.0.2.60;proto=http;by=203.0.113.43`
    private static func hop(element: Substring.UTF8View) -> Hop {
        var node: Substring.UTF8View?
        var rest: Substring.UTF8View? = element
        while let text = rest {
            let (pair, before) = Self.cutLast(of: text, at: ";", mindsQuotes: true)
            rest = before
            if pair.isEmpty { continue }
            guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else { return .hidden }
            guard String(Substring(pair[..<equals])).lowercased() == "for" else { continue }
            guard node == nil else { return .hidden }
            node = pair[pair.index(after: equals)...]
        }
        guard var node else { return .hidden }
        if node.first == UInt8(ascii: "\"") {
            guard node.count >= 2, node.last == UInt8(ascii: "\"") else { return .hidden }
            node = node.dropFirst().dropLast()
        }
        return self.hop(node: node)
    }

    /// `192.0.2.43`, `2001:db8::1`, `[2001:db8::1]`; the first and the last also with `:` and a port.
    private static func hop(node: Substring.UTF8View) -> Hop {
        let colon = UInt8(ascii: ":")
        var address = node
        if node.first == UInt8(ascii: "[") {
            guard let end = node.firstIndex(of: UInt8(ascii: "]")) else { return .hidden }
            address = node[node.index(after: node.startIndex)..<end]
            let port = node[node.index(after: end)...]
            guard address.contains(colon), port.isEmpty || port.first == colon && Self.isPort(port.dropFirst()) else {
                return .hidden
            }
        } else if let first = node.firstIndex(of: colon), node.lastIndex(of: colon) == first {
            address = node[..<first]
            guard Self.isPort(node[node.index(after: first)...]) else { return .hidden }
        }
        return IPAddress(Substring(address)).map { .address($0) } ?? .hidden
    }

    /// A number, or a name that hides it.
    private static func isPort(_ text: Substring.UTF8View) -> Bool {
        if text.first == UInt8(ascii: "_") { return true }
        return (1...5).contains(text.count) && text.allSatisfy { (0x30...0x39).contains($0) }
    }
}

extension Substring.UTF8View {
    fileprivate var withoutBlanks: Substring.UTF8View {
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        let start = self.drop(while: isBlank)
        guard let last = start.lastIndex(where: { !isBlank($0) }) else { return start }
        return start[...last]
    }
}
