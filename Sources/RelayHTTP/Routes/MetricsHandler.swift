import NIOCore
import NIOHTTP1
import RelayCore

/// `GET /metrics`: all metrics as text.
struct MetricsHandler {
    let metrics: any MetricsExposition

    func response() -> HTTPResponse {
        let body = ByteBuffer(string: self.metrics.text())
        return HTTPResponse(status: .ok, contentType: self.metrics.contentType, body: body).notStored
    }
}
