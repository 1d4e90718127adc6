import NIOHTTP1

/// Which pages of other origins may read answers and open WebSockets.
package struct CORS: Sendable {
    private let origins: Set<String>
    private let allowsAll: Bool

    /// - Parameter origins: `*` or `scheme://host[:port]`.
    package init(origins: [String]) {
        self.origins = Set(origins.map { $0.lowercased() })
        self.allowsAll = origins.contains("*")
    }

    /// Whether a WebSocket may be opened. A request without Origin comes from no page, and a page of this service, such
    /// as the viewer, is none of another origin.
    /// - Parameter own: hosts, with port where there is one, at which this service is reached.
    func allows(_ head: HTTPRequestHead, own: @autoclosure () -> [String]) -> Bool {
        guard !self.allowsAll, let origin = head.headers.first(name: "Origin")?.lowercased() else { return true }
        return self.origins.contains(origin) || Self.isOwn(origin, own())
    }

    /// Whether the page that sent a request is trusted with a cookie, which browsers send along for any page: one of this
    /// service, or of an origin that is named. Neither `*` names one, nor `null`, which is what any page can be. A request
    /// without Origin opens no WebSocket in a browser, and another page can't read its answer.
    func trusts(_ head: HTTPRequestHead, own: @autoclosure () -> [String]) -> Bool {
        guard let origin = head.headers.first(name: "Origin")?.lowercased() else { return true }
        return origin != "null" && (self.origins.contains(origin) || Self.isOwn(origin, own()))
    }

    private static func isOwn(_ origin: String, _ hosts: [String]) -> Bool {
        hosts.contains { origin.hasSuffix("://" + $0.lowercased()) }
    }

    /// Adds the headers by which a browser lets the page read the answer.
    func apply(to headers: inout HTTPHeaders, of head: HTTPRequestHead) {
        if self.allowsAll {
            headers.replaceOrAdd(name: "Access-Control-Allow-Origin", value: "*")
        } else {
            headers.add(name: "Vary", value: "Origin")
            guard let origin = head.headers.first(name: "Origin"), self.origins.contains(origin.lowercased()) else {
                return
            }
            headers.replaceOrAdd(name: "Access-Control-Allow-Origin", value: origin)
        }
        headers.replaceOrAdd(name: "Access-Control-Expose-Headers", value: "Link, WWW-Authenticate")
    }
}
