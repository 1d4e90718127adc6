package import NIOCore
package import NIOHTTP1
package import RelayCore

/// What a connection's HTTP side has to tell of its requests.
package enum HTTPReport: Sendable {
    /// By the connection itself, before any route was asked.
    case refused(Problem)
    case answered(HTTPExchange)
    /// TLS, before any request.
    case handshakeFailed(reason: String)
}

/// A request and what became of it.
package struct HTTPExchange: Sendable {
    package let method: String
    package let uri: String
    /// Of the request: a trusted proxy's say who asks.
    package let headers: HTTPHeaders
    package var route = AnsweredRequest.Route.none
    package var status = 0
    /// Of the answer's body.
    package var bytes = 0
    package let start: NIODeadline

    init(of head: HTTPRequestHead, start: NIODeadline) {
        self.method = head.method.rawValue
        self.uri = head.uri
        self.headers = head.headers
        self.start = start
    }

    /// As it is logged: the path without the query, and of an address that leads nowhere nothing, since whatever was
    /// pasted there by mistake may be a secret.
    package func request(from address: String, end: NIODeadline) -> AnsweredRequest {
        AnsweredRequest(
            address: address,
            method: self.method,
            path: self.route == .none ? "" : String(self.uri.prefix { $0 != "?" && $0 != "#" }),
            route: self.route,
            status: self.status,
            bytes: self.bytes,
            duration: .nanoseconds((end - self.start).nanoseconds)
        )
    }
}
