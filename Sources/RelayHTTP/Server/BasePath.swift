/// The path below which everything is served.
package struct BasePath: Sendable, Equatable {
    /// As it stands in URLs, percent-encoded: begins with a slash and does not end with one; empty for none.
    let text: String
    /// Between the slashes, decoded.
    let segments: [String]

    package static let none = BasePath(text: "", segments: [])

    private init(text: String, segments: [String]) {
        self.text = text
        self.segments = segments
    }

    /// - Parameter path: percent-encoded; slashes at its ends and double ones don't matter.
    /// - Throws: `BadRequestTarget`, if no request could ask for it.
    package init(_ path: String) throws(BadRequestTarget) {
        let text = path.split(separator: "/").map { "/\($0)" }.joined()
        self.init(text: text, segments: text.isEmpty ? [] : try RequestTarget(uri: text).segments)
    }
}

extension BasePath: CustomStringConvertible {
    package var description: String { self.text.isEmpty ? "/" : self.text }
}
