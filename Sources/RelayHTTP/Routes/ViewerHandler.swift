import NIOCore
import NIOHTTP1
import RelayCore

/// The viewer page and its files, and the JavaScript client.
struct ViewerHandler: Sendable {
    private let files: [String: [UInt8]]
    private let options: HTTPOptions

    /// The page may load from this origin and connect to the relay, wherever `UrlBase` says that it is; nothing else.
    private static let contentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        + "connect-src 'self' http: https: ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    init(assets: [String: [UInt8]], options: HTTPOptions) {
        self.files = assets
        self.options = options
    }

    func has(_ name: String) -> Bool { self.files[name] != nil }

    func file(_ name: String) -> HTTPResponse {
        self.response(self.files[name] ?? [], name: name)
    }

    /// `index.html` with its placeholders filled in: pg_eventserv's `{{.BaseURL}}` and `{{.Channels}}`, so that its
    /// page can be served from `AssetsPath` too, and `{{.KnownChannels}}`, a JSON array of what is recorded. Blanks
    /// within the braces don't matter.
    func page(_ request: HTTPRequestHead, patterns: [String], channels: [ChannelName]) -> HTTPResponse {
        var known = ByteBuffer()
        known.writeStaticString("[")
        for (index, channel) in channels.enumerated() {
            if index > 0 { known.writeStaticString(",") }
            known.writeJSONString(channel.text)
        }
        known.writeStaticString("]")
        let values = [
            "BaseURL": self.options.webSocketBase(request),
            "Channels": patterns.joined(separator: ", "),
            "KnownChannels": String(buffer: known),
        ]
        let text = String(decoding: self.files["index.html"] ?? [], as: UTF8.self)
        var response = self.response(Array(Self.fill(text, values).utf8), name: "index.html").notStored
        // A page of somebody's own may do as it likes.
        if !self.options.hasOwnAssets {
            response.headers.add(name: "Content-Security-Policy", value: Self.contentSecurityPolicy)
        }
        return response
    }

    /// Puts each value, escaped for HTML text and attributes, in the place of its name. What a value contains is not
    /// looked at again.
    static func fill(_ text: String, _ values: [String: String]) -> String {
        text.replacing(/\{\{ *\.(\w+) *\}\}/) { match in
            values[String(match.1)].map { Self.escaped($0) } ?? String(match.0)
        }
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private func response(_ bytes: [UInt8], name: String) -> HTTPResponse {
        HTTPResponse(status: .ok, contentType: Self.contentType(of: name), body: ByteBuffer(bytes: bytes))
    }

    private static func contentType(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "ts": "application/typescript; charset=utf-8"
        case "json": "application/json"
        case "svg": "image/svg+xml"
        case "png": "image/png"
        case "ico": "image/x-icon"
        default: "application/octet-stream"
        }
    }
}
