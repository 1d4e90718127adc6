import NIOCore
import NIOHTTP1
import RelayCore

/// `GET /health`: 200 while what is published reaches the log and the subscribers, else 503. Reasons and addresses are
/// for the relay's own log; whoever asks here may be anyone.
struct HealthHandler {
    let router: Router

    func response() -> HTTPResponse {
        let status = self.router.relay.status
        var body = ByteBuffer()
        body.writeStaticString(#"{"status":"#)
        body.writeJSONString(status.isHealthy ? "ok" : "unavailable")
        body.writeStaticString(#","version":"#)
        body.writeJSONString(self.router.options.version)
        body.writeStaticString(#","source":{"state":"#)
        switch status.source {
        case .starting: body.writeState("starting", since: nil)
        case .connected(let since, _, let heartbeat):
            body.writeState("connected", since: since)
            if let heartbeat { body.writeHeartbeat(heartbeat) }
        case .disconnected(let since, let cause, _):
            body.writeState("disconnected", since: since)
            body.writeStaticString(#","cause":"#)
            body.writeJSONString(cause.rawValue)
        }
        body.writeStaticString(#"},"log":{"state":"#)
        switch status.log {
        case .writable: body.writeState("writable", since: nil)
        case .failing(let since, _): body.writeState("failing", since: since)
        }
        body.writeStaticString(#","id":"#)
        body.writeJSONString(self.router.log.identity.logID)
        body.writeStaticString(#","head":"#)
        body.writeJSONNumber(status.head.rawValue)
        body.writeStaticString(#","written_through":"#)
        body.writeJSONNumber(status.writtenThrough.rawValue)
        body.writeString(#"},"channels":\#(self.router.relay.recordedCount)"#)
        body.writeString(#","clients":\#(self.router.clients.count)}"#)
        body.writeStaticString("\n")
        return HTTPResponse(state: body, isGood: status.isHealthy)
    }
}

extension HTTPResponse {
    /// What the relay says of its own state: JSON, and 503 where something is wrong.
    init(state: ByteBuffer, isGood: Bool) {
        let status = isGood ? HTTPResponseStatus.ok : .serviceUnavailable
        self = HTTPResponse(status: status, contentType: "application/json", body: state).notStored
    }
}

extension ByteBuffer {
    fileprivate mutating func writeState(_ state: String, since: Timestamp?) {
        self.writeJSONString(state)
        if let since {
            self.writeStaticString(#","since":"#)
            self.writeJSONString("\(since)")
        }
    }

    fileprivate mutating func writeHeartbeat(_ heartbeat: RelayStatus.Heartbeat) {
        self.writeStaticString(#","heartbeat":{"state":"#)
        self.writeJSONString(heartbeat.isFailing ? "failing" : "ok")
        self.writeStaticString(#","at":"#)
        self.writeJSONString("\(heartbeat.at)")
        self.writeStaticString(#","round_trip_ms":"#)
        // Three decimals, so that none of them is lost to a number's short form.
        let microseconds = heartbeat.roundTrip.microseconds
        let fraction = "\(microseconds % 1000 + 1000)".dropFirst()
        self.writeString("\(microseconds / 1000).\(fraction)}")
    }
}
