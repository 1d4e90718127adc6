import NIOCore
import NIOHTTP1
import RelayCore

/// `GET /metrics`: all metrics as text.
struct MetricsHandler {
    let metrics: any MetricsExposition

    func response(at now: ContinuousClock.Instant) -> HTTPResponse {
        let body = ByteBuffer(string: self.metrics.text(at: now))
        return HTTPResponse(status: .ok, contentType: self.metrics.contentType, body: body).notStored
    }
}
