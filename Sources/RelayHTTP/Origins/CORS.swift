import NIOHTTP1

/// Which pages of other origins may read answers and connect to `/listen`: the one place that decides.
package struct CORS: Sendable {
    /// Without `*`.
    private let origins: [OriginPattern]
    private let allowsAll: Bool

    /// What a page may send.
    private static let requestHeaders = "Authorization, Last-Event-ID, Accept, Content-Type"
    /// What a page may read beside the body.
    private static let responseHeaders = "Link, Retry-After, WWW-Authenticate"
    /// How long a browser may go without asking again: as much as changing the setting should take to be felt.
    private static let preflightSeconds = 600

    package init(origins: [OriginPattern]) {
        self.origins = origins.filter { $0 != .any }
        self.allowsAll = origins.contains(.any)
    }

    /// Whether a WebSocket or event stream may be opened. A request without `Origin` comes from no page, and a page of
    /// this service, such as the viewer, is none of another origin.
    func allows(_ head: HTTPRequestHead, own: @autoclosure () -> OwnOrigins) -> Bool {
        if self.allowsAll { return true }
        let page = RequestingPage(head)
        return page == .none || self.names(page) || page.isOne(of: own())
    }

    /// Whether the page is trusted with a cookie, which browsers send along for any page: one of this service, or of an
    /// origin that is named. Neither `*` names one, nor `null`, which any site can be. A request without `Origin` that
    /// is of no page opens no WebSocket in a browser, and another page can't read its answer.
    func trusts(_ head: HTTPRequestHead, own: @autoclosure () -> OwnOrigins) -> Bool {
        let page = RequestingPage(head)
        return page == .none || page != .withoutOrigin && self.names(page) || page.isOne(of: own())
    }

    /// Whether an entry other than `*` stands for it.
    private func names(_ page: RequestingPage) -> Bool {
        switch page {
        case .of(let origin): self.origins.contains { $0.matches(origin) }
        case .withoutOrigin: self.origins.contains(.null)
        case .none, .unknown: false
        }
    }

    /// Adds the headers by which a browser lets the page read the answer.
    func apply(to headers: inout HTTPHeaders, of head: HTTPRequestHead) {
        if self.allowsAll {
            headers.replaceOrAdd(name: "Access-Control-Allow-Origin", value: "*")
        } else {
            headers.add(name: "Vary", value: "Origin")
            guard self.names(RequestingPage(head)), let origin = head.headers.first(name: "Origin") else { return }
            headers.replaceOrAdd(name: "Access-Control-Allow-Origin", value: origin)
        }
        headers.replaceOrAdd(name: "Access-Control-Expose-Headers", value: Self.responseHeaders)
    }

    /// The answer to OPTIONS, by which a browser asks beforehand. `apply` says whether the page may.
    /// - Parameter methods: all that the address takes.
    func preflight(methods: String) -> HTTPResponse {
        var response = HTTPResponse(status: .noContent)
        response.headers.add(name: "Allow", value: methods)
        response.headers.add(name: "Access-Control-Allow-Methods", value: methods)
        response.headers.add(name: "Access-Control-Allow-Headers", value: Self.requestHeaders)
        response.headers.add(name: "Access-Control-Max-Age", value: "\(Self.preflightSeconds)")
        return response
    }
}
