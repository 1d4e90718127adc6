import NIOHTTP1

/// The origins that are this service itself: its pages may connect whatever `CORSOrigins` says.
struct OwnOrigins {
    /// What `UrlBase` says; nothing else counts then.
    let configured: Origin?
    /// The hosts that the request was sent to, as it says, and as a trusted proxy says.
    let hosts: [Authority]
    /// What pages of these hosts have to be served by; nil where a proxy may have ended TLS, which is not known here.
    let scheme: String?

    func contain(_ origin: Origin) -> Bool {
        if let configured { return origin == configured }
        if let scheme, origin.scheme != scheme { return false }
        return self.hosts.contains { origin.isAt($0) }
    }
}

extension HTTPOptions {
    /// Links honour what anyone says about the host, since it only leads who says it astray. Here it opens a door.
    func ownOrigins(_ head: HTTPRequestHead, of caller: Caller) -> OwnOrigins {
        let host = head.headers.first(name: "Host").flatMap { Authority($0) }
        let forwarded = caller.isBehindTrustedProxy ? Self.authority(ofURL: self.base(of: head)) : nil
        return OwnOrigins(
            configured: self.configuredOrigin,
            hosts: [host, forwarded].compactMap(\.self),
            scheme: self.scheme == "https" ? self.scheme : nil
        )
    }

    /// The page's, also where `UrlBase` names its WebSockets.
    private var configuredOrigin: Origin? {
        guard let (scheme, rest) = Origin.split(self.urlBase) else { return nil }
        let pageScheme = ["ws": "http", "wss": "https"][scheme] ?? scheme
        return Origin("\(pageScheme)://\(rest.prefix { $0 != "/" })")
    }

    private static func authority(ofURL url: String) -> Authority? {
        Origin.split(url).flatMap { Authority($0.rest.prefix { $0 != "/" }) }
    }
}
