package import NIOCore
package import NIOHTTP1
package import RelayCore

/// What the handler of a request decides: the answer, or the work that leads to it. Most need not wait for anything, and
/// a change of thread would cost more than they do.
package enum HTTPDecision: Sendable {
    case answer(HTTPAnswer)
    case work(@Sendable () async throws -> HTTPAnswer)
}

/// What becomes of a request.
package enum HTTPAnswer: Sendable {
    case response(HTTPResponse)
    /// With the head of the response the connection becomes the subscription's: a WebSocket or an event stream.
    case subscription(HTTPResponse, Subscription)
}

package struct HTTPResponse: Sendable {
    package var status: HTTPResponseStatus
    package var headers: HTTPHeaders
    package var body: Body
    /// What it is an answer of.
    package var route = AnsweredRequest.Route.none

    package enum Body: Sendable {
        case bytes(ByteBuffer)
        /// Of unknown length, written piece by piece; a piece is written when the one before it has left.
        case stream(@Sendable (_ write: @Sendable (ByteBuffer) async throws -> Void) async throws -> Void)
    }

    package init(status: HTTPResponseStatus, contentType: String? = nil, body: ByteBuffer = ByteBuffer()) {
        self.status = status
        self.headers = contentType.map { ["Content-Type": $0] } ?? [:]
        self.body = .bytes(body)
    }

    /// The bytes of its head, for a connection that HTTP's handlers have left.
    var headBytes: ByteBuffer {
        var bytes = ByteBuffer()
        bytes.reserveCapacity(256)
        bytes.writeString("HTTP/1.1 \(self.status.code) \(self.status.reasonPhrase)\r\n")
        for (name, value) in self.headers {
            bytes.writeString(name)
            bytes.writeStaticString(": ")
            bytes.writeString(value)
            bytes.writeStaticString("\r\n")
        }
        bytes.writeStaticString("\r\n")
        return bytes
    }

    /// The same, for no cache to keep: it says how things are now, or is for this caller.
    var notStored: HTTPResponse {
        var response = self
        if response.headers[canonicalForm: "Cache-Control"].contains("no-store") { return response }
        response.headers.replaceOrAdd(name: "Cache-Control", value: "no-store")
        return response
    }
}

/// A refusal, told as `application/problem+json` (RFC 9457).
package struct Problem: Error, Sendable {
    package let status: HTTPResponseStatus
    /// A sentence for the caller that says what to change.
    package let detail: String
    /// What it is counted as.
    package let cause: RefusalCause
    package var headers: HTTPHeaders = [:]

    /// - Parameter cause: nil where the status alone tells it.
    package init(
        _ status: HTTPResponseStatus,
        _ detail: String,
        cause: RefusalCause? = nil,
        headers: HTTPHeaders = [:]
    ) {
        self.status = status
        self.detail = detail
        self.cause = cause ?? RefusalCause(status)
        self.headers = headers
    }

    package var response: HTTPResponse {
        var body = ByteBuffer()
        body.writeStaticString(#"{"title":"#)
        body.writeJSONString(self.status.reasonPhrase)
        body.writeStaticString(#","status":"#)
        body.writeJSONNumber(Int64(self.status.code))
        body.writeStaticString(#","detail":"#)
        body.writeJSONString(self.detail)
        body.writeStaticString("}\n")
        var response = HTTPResponse(status: self.status, contentType: "application/problem+json", body: body)
        response.headers.add(contentsOf: self.headers)
        return response
    }
}

extension RefusalCause {
    /// What a status means where nothing more is known.
    fileprivate init(_ status: HTTPResponseStatus) {
        switch status.code {
        case 401: self = .token
        case 403: self = .notAllowed
        case 404: self = .notFound
        case 405: self = .method
        case 408: self = .timeout
        case 413, 414, 431: self = .tooLarge
        case 426: self = .upgrade
        case 429: self = .limitRate
        case 500...: self = .unavailable
        default: self = .badRequest
        }
    }
}
