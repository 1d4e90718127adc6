import NIOHTTP1

/// What a client may offer in `Sec-WebSocket-Protocol`, the one header that a browser's script can set on a WebSocket:
/// our protocol, and beside it a token. The answer names the protocol (RFC 6455, section 4.2.2), and never the token.
enum Subprotocol {
    static let name = "pg_eventrelay"
    static let tokenPrefix = "bearer."

    private static func offered(by head: HTTPRequestHead) -> [Substring] {
        head.headers[canonicalForm: "Sec-WebSocket-Protocol"]
    }

    /// The headers of the answer that takes one of the protocols that are offered.
    static func answer(to head: HTTPRequestHead) -> HTTPHeaders {
        self.offered(by: head).contains { $0 == self.name } ? ["Sec-WebSocket-Protocol": self.name] : [:]
    }

    /// - Throws: `Problem`, for a token alone: a browser ends a connection whose answer takes nothing that it offered.
    static func tokens(of head: HTTPRequestHead) throws -> [String] {
        let offered = self.offered(by: head)
        let tokens = offered.filter { $0.hasPrefix(self.tokenPrefix) }.map {
            String($0.dropFirst(self.tokenPrefix.count))
        }
        guard tokens.isEmpty || offered.contains(where: { $0 == self.name }) else {
            throw Problem.ambiguousToken("offer the subprotocol \(self.name) together with \(self.tokenPrefix)<token>")
        }
        return tokens
    }
}
