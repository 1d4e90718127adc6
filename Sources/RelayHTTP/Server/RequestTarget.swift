/// The target of an HTTP request, taken apart: segments of the path, percent-decoded once, and the query's parameters.
package struct RequestTarget: Sendable, Equatable {
    /// Between the slashes: `/listen/a%2Fb` is `["listen", "a/b"]`, `/` is `[""]`.
    package let segments: [String]
    /// In their order; a name may come more than once.
    package let parameters: [(name: String, value: String)]

    package static func == (left: RequestTarget, right: RequestTarget) -> Bool {
        left.segments == right.segments && left.parameters.elementsEqual(right.parameters, by: ==)
    }

    /// - Parameter uri: in origin form (`/path?query`), or in absolute form, whose origin is passed over
    ///   (RFC 9112, section 3.2.2).
    package init(uri: String) throws(BadRequestTarget) {
        var uri = uri[...]
        if let scheme = ["http://", "https://"].first(where: { uri.hasPrefix($0) }) {
            uri = uri.dropFirst(scheme.count).drop { $0 != "/" }
        }
        let bytes = uri.utf8.prefix { $0 != UInt8(ascii: "#") }
        let parts = bytes.split(separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
        guard let path = parts.first, path.first == UInt8(ascii: "/") else { throw .notAPath }
        var segments: [String] = []
        for segment in path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            segments.append(try Self.decode(segment, plusIsSpace: false))
        }
        var parameters: [(String, String)] = []
        for pair in (parts.count > 1 ? parts[1] : "".utf8[...]).split(separator: UInt8(ascii: "&")) {
            let sides = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = try Self.decode(sides[0], plusIsSpace: true)
            parameters.append((name, sides.count > 1 ? try Self.decode(sides[1], plusIsSpace: true) : ""))
        }
        self.segments = segments
        self.parameters = parameters
    }

    private static func decode(
        _ text: Substring.UTF8View,
        plusIsSpace: Bool
    ) throws(BadRequestTarget) -> String {
        var bytes: [UInt8] = []
        var rest = text[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(hexadecimalValue),
                    let low = rest.popFirst().flatMap(hexadecimalValue)
                else { throw .badPercentEncoding }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace:
                bytes.append(UInt8(ascii: " "))
            default:
                bytes.append(byte)
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .notUTF8 }
        return text
    }

    /// The value of a parameter; nil where it is absent.
    package func value(of name: String) throws(BadParameter) -> String? {
        let values = self.values(of: name)
        if values.count > 1 {
            throw BadParameter(name: name, requirement: "is given \(values.count) times: give it once")
        }
        return values.first
    }

    /// The values of a parameter that may be given more than once.
    package func values(of name: String) -> [String] {
        self.parameters.filter { $0.name == name }.map(\.value)
    }
}

private func hexadecimalValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
}

package enum BadRequestTarget: Error, Equatable {
    case notAPath, badPercentEncoding, notUTF8
}

extension BadRequestTarget: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notAPath: "the request's target must be a path that begins with a slash"
        case .badPercentEncoding:
            "the URL has a '%' without two hexadecimal digits after it: write a percent sign as %25"
        case .notUTF8: "the URL's percent-encoded bytes are not UTF-8: encode the text as UTF-8 first"
        }
    }
}

/// A query parameter that makes no sense.
package struct BadParameter: Error, Equatable {
    package let name: String
    /// The rest of the sentence that begins with the name.
    package let requirement: String
}

extension BadParameter: CustomStringConvertible {
    package var description: String { "the parameter '\(self.name)' \(self.requirement)" }
}
