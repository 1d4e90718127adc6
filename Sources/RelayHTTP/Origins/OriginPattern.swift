/// An entry of `CORSOrigins`.
package enum OriginPattern: Hashable, Sendable {
    /// `*`
    case any
    /// `null`: what browsers send for pages without an origin, such as files and sandboxed frames. Any site can make one.
    case null
    case exactly(Origin)
    /// `https://*.example.com`: all names below it, however deep, and not itself. `below` has the part behind `*.` for
    /// its host.
    case subdomains(below: Origin)

    /// - Parameter text: as in the configuration. A scheme is always needed; upper and lower case are the same.
    package init?(_ text: String) {
        switch text {
        case "*": self = .any
        case "null": self = .null
        default:
            // Browsers' origins have no path, and people copy one with a slash.
            let text = text.hasSuffix("/") ? text.dropLast() : text[...]
            guard let (scheme, rest) = Origin.split(text) else { return nil }
            guard rest.hasPrefix("*.") else {
                guard let origin = Origin(text) else { return nil }
                self = .exactly(origin)
                return
            }
            // Below a number nothing is a name: an IPv4 address has no subdomains.
            guard let origin = Origin("\(scheme)://\(rest.dropFirst(2))"), Self.areLabels(origin.host),
                origin.host.split(separator: ".").last?.allSatisfy(\.isNumber) == false
            else { return nil }
            self = .subdomains(below: origin)
        }
    }

    func matches(_ origin: Origin) -> Bool {
        switch self {
        case .any: true
        case .null: false
        case .exactly(let own): own == origin
        case .subdomains(let base):
            origin.scheme == base.scheme && origin.port == base.port && origin.host.hasSuffix("." + base.host)
                && Self.areLabels(origin.host.dropLast(base.host.count + 1))
        }
    }

    /// Whether it is made of names with dots between, none of them empty.
    private static func areLabels(_ text: some StringProtocol) -> Bool {
        text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { !$0.isEmpty && !$0.contains(":") }
    }
}
