package import NIOHTTP1

/// The token of a request, not verified yet.
package enum PresentedToken: Equatable, Sendable {
    case absent
    /// There is a cookie, but the request comes from a page that may not use it.
    case foreignCookie
    /// Somebody put it into this request: into a header, a subprotocol or the URL.
    case explicit(String)
    /// The browser added it by itself.
    case cookie(String)

    /// Looks into `Authorization`, the subprotocols and the URL. What a browser adds by itself counts only where none of
    /// these has one, so that an old cookie is in nobody's way.
    /// - Parameter mayUseCookie: whether the page that the request comes from may.
    /// - Throws: `Problem`, if it is not clear which token is meant.
    package init(
        of head: HTTPRequestHead,
        _ target: RequestTarget,
        cookie: String?,
        isInURL: Bool,
        mayUseCookie: @autoclosure () -> Bool
    ) throws {
        let subprotocols = try Subprotocol.tokens(of: head)
        var explicit = Self.authorization(of: head) + subprotocols
        if isInURL, let token = try target.value(of: "token") { explicit.append(token) }
        if let token = try Self.same(explicit) {
            self = .explicit(token)
        } else if let token = try Self.same(cookie.map { Self.cookies(of: head, named: $0) } ?? []) {
            self = mayUseCookie() ? .cookie(token) : .foreignCookie
        } else {
            self = .absent
        }
    }

    private static func same(_ tokens: [String]) throws -> String? {
        guard let first = tokens.first else { return nil }
        guard tokens.allSatisfy({ $0 == first }) else {
            throw Problem.ambiguousToken("the request has several different tokens: send one")
        }
        return first
    }

    /// Other schemes are not for us: a proxy may have asked for a password.
    private static func authorization(of head: HTTPRequestHead) -> [String] {
        head.headers["Authorization"].compactMap { value in
            let parts = value.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
            guard parts.first?.lowercased() == "bearer" else { return nil }
            return parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
        }
    }

    private static func cookies(of head: HTTPRequestHead, named name: String) -> [String] {
        head.headers["Cookie"].flatMap { $0.split(separator: ";") }.compactMap { pair in
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2, sides[0].filter({ $0 != " " }) == name else { return nil }
            return String(sides[1].filter { $0 != " " && $0 != "\"" })
        }
    }
}
