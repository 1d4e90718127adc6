import NIOCore
import NIOHTTP1
import RelayCore
import Synchronization

/// `GET /ready`: 200 while new clients may be sent here, else 503: events reach the log and the subscribers, and the
/// server is not draining.
struct ReadyHandler {
    let router: Router

    func response() -> HTTPResponse {
        let status = self.router.relay.status
        var missing: [String] = []
        if case .connected = status.source {} else { missing.append("source") }
        if case .failing = status.log { missing.append("log") }
        if self.router.draining.hasBegun { missing.append("draining") }
        var body = ByteBuffer()
        body.writeString(#"{"ready":\#(missing.isEmpty),"because":["#)
        for (index, reason) in missing.enumerated() {
            if index > 0 { body.writeStaticString(",") }
            body.writeJSONString(reason)
        }
        body.writeStaticString("]}\n")
        return HTTPResponse(state: body, isGood: missing.isEmpty)
    }
}

/// Whether the server sends its clients away; once it does, to its end.
final class Draining: Sendable {
    private let flag = Atomic(false)

    var hasBegun: Bool { self.flag.load(ordering: .relaxed) }

    func begin() { self.flag.store(true, ordering: .relaxed) }
}
