import NIOHTTP1

/// The page that sent a request, as its `Origin` says.
enum RequestingPage: Equatable {
    /// No page, or one that reads its own site.
    case none
    /// `null`: a file, a sandboxed frame, or whatever else a browser gives no origin.
    case withoutOrigin
    case of(Origin)
    /// One of another site that does not say which (`no-cors`), or what no browser sends: two of them, or what is none.
    case unknown

    init(_ head: HTTPRequestHead) {
        let values = head.headers["Origin"]
        switch (values.count, values.first ?? "") {
        case (0, _): self = Self.isForeign(head) ? .unknown : .none
        case (1, "null"): self = .withoutOrigin
        case (1, let value): self = Origin(value).map { .of($0) } ?? .unknown
        default: self = .unknown
        }
    }

    /// Whether a browser says that another site's page asks for something to use, rather than that somebody follows a link
    /// (https://www.w3.org/TR/fetch-metadata/).
    private static func isForeign(_ head: HTTPRequestHead) -> Bool {
        guard let site = head.headers.first(name: "Sec-Fetch-Site"), site == "cross-site" || site == "same-site" else {
            return false
        }
        return head.headers.first(name: "Sec-Fetch-Mode") != "navigate"
    }

    func isOne(of own: OwnOrigins) -> Bool {
        guard case .of(let origin) = self else { return false }
        return own.contain(origin)
    }
}
