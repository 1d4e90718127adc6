package import NIOCore
import NIOHTTP1
import RelayAssets

/// How the server is set up. The configuration's reference says what each setting means to its users.
package struct HTTPOptions: Sendable {
    package var host: String
    /// Of plain HTTP: 0 lets the system choose, nil for none.
    package var port: Int?
    /// HTTPS beside it or instead of it, at the same host; nil for none.
    package var https: HTTPS?
    /// Where operators ask, and nobody else; nil: at the same port as clients.
    package var admin: (host: String, port: Int)?
    /// `http(s)://…` or `ws(s)://…`, without a slash at the end; empty: taken from each request.
    package var urlBase: String
    package var basePath: BasePath
    package var corsOrigins: [OriginPattern]
    package var trustedProxies = TrustedProxies.none
    package var limits: ClientLimits
    package var timeouts = HTTPTimeouts()
    /// WebSockets or not: as many as there are descriptors for.
    package var maximumConnections = Int.max
    /// nil: everyone may read all allowed channels.
    package var tokens: TokenOptions?
    /// The patterns of allowed channels, for the viewer.
    package var channelPatterns: [String]
    /// The viewer's files by name, `index.html` among them.
    package var assets: [String: [UInt8]]
    /// The viewer's files are not those of the binary.
    package var hasOwnAssets: Bool
    package var version: String
    /// Of the port that is served.
    var scheme = "http"
    /// Over which clients are sent away at a shutdown: time enough that they don't come back all at once, and well
    /// within the 10 s that process managers commonly grant.
    package var drainWindow: TimeAmount = .seconds(5)

    package init(
        host: String,
        port: Int?,
        urlBase: String,
        basePath: BasePath,
        corsOrigins: [OriginPattern],
        limits: ClientLimits,
        channelPatterns: [String],
        assets: [String: [UInt8]],
        hasOwnAssets: Bool,
        version: String
    ) {
        self.host = host
        self.port = port
        self.urlBase = urlBase
        self.basePath = basePath
        self.corsOrigins = corsOrigins
        self.limits = limits
        self.channelPatterns = channelPatterns
        self.assets = assets
        self.hasOwnAssets = hasOwnAssets
        self.version = version
    }

    package struct HTTPS: Sendable {
        /// 0 lets the system choose.
        package let port: Int
        package let certificate: ServerCertificate

        package init(port: Int, certificate: ServerCertificate) {
            self.port = port
            self.certificate = certificate
        }
    }

    /// The JavaScript client that the binary carries in itself. Its comments are for who reads the source.
    package static var embeddedClient: [String: [UInt8]] {
        Dictionary(
            uniqueKeysWithValues: clientAssets.map { asset in
                (asset.fileName, asset.fileName.hasSuffix(".js") ? CompactScript.compacted(asset.bytes) : asset.bytes)
            }
        )
    }

    /// The viewer that the binary carries in itself, without the client that it loads.
    package static var embeddedViewer: [String: [UInt8]] {
        Dictionary(uniqueKeysWithValues: viewerAssets.map { ($0.fileName, $0.bytes) })
    }

    /// The path without `BasePath`, empty for the base without a slash behind it; nil where it lies elsewhere.
    func pathBelowBase(_ segments: [String]) -> [String]? {
        let base = self.basePath.segments
        return segments.starts(with: base) ? Array(segments.dropFirst(base.count)) : nil
    }

    /// Where WebSocket clients find this service, without a slash at the end: `UrlBase`, or what proxies say, or the
    /// host that the request was sent to, by the scheme of the port that it came to.
    func webSocketBase(_ head: HTTPRequestHead) -> String {
        var base = self.urlBase.isEmpty ? self.base(of: head) : self.urlBase
        for (http, webSocket) in [("http://", "ws://"), ("https://", "wss://")] where base.hasPrefix(http) {
            base = webSocket + base.dropFirst(http.count)
        }
        return base + self.basePath.text
    }

    /// `Forwarded` (RFC 7239) counts if it has host and protocol, else `X-Forwarded-Host` and `X-Forwarded-Proto`.
    func base(of head: HTTPRequestHead) -> String {
        var host = head.headers.first(name: "Host") ?? "localhost"
        var scheme = self.scheme
        let forwarded = Self.forwarded(head)
        if let forwardedHost = forwarded["host"], let forwardedScheme = forwarded["proto"] {
            (host, scheme) = (forwardedHost, forwardedScheme)
        } else {
            host = head.headers[canonicalForm: "X-Forwarded-Host"].first.map(String.init) ?? host
            scheme = head.headers[canonicalForm: "X-Forwarded-Proto"].first.map(String.init) ?? scheme
        }
        return "\(scheme)://\(host)"
    }

    /// The parameters of the first, outermost proxy.
    private static func forwarded(_ head: HTTPRequestHead) -> [String: String] {
        guard let first = head.headers[canonicalForm: "Forwarded"].first else { return [:] }
        var parameters: [String: String] = [:]
        for pair in first.split(separator: ";") {
            let sides = pair.split(separator: "=", maxSplits: 1)
            guard sides.count == 2 else { continue }
            let name = sides[0].drop { $0 == " " }.lowercased()
            parameters[name] = sides[1].filter { $0 != "\"" && $0 != " " }
        }
        return parameters
    }
}
