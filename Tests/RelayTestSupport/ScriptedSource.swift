package import RelayCore

/// A source that reports what the test says, when the test says it, and keeps what it was asked for.
package final class ScriptedSource: EventSource {
    package enum Request: Equatable, Sendable {
        case listen(ChannelName)
        case stopListening(ChannelName)
    }

    package let reports: ReportQueue
    private let requested = Watched<[Request]>([])

    package init() {
        self.reports = ReportQueue {}
    }

    package func listen(to channel: ChannelName) {
        self.requested.change { $0.append(.listen(channel)) }
    }

    package func stopListening(to channel: ChannelName) {
        self.requested.change { $0.append(.stopListening(channel)) }
    }

    /// Until the task is cancelled, nothing happens by itself.
    package func run() async {
        _ = try? await self.requested.when { _ in false }
        self.reports.finish()
    }

    // MARK: - The script

    package func report(_ report: SourceReport) {
        _ = self.reports.offer(report)
    }

    package func connect(_ channels: ChannelName...) {
        self.report(.connected(channels: channels, server: "scripted"))
    }

    package func send(_ channel: ChannelName, _ payloads: String...) {
        self.report(.notifications(payloads.map { Notification(channel: channel, payload: Payload($0)) }))
    }

    package var requests: [Request] { self.requested.value }

    package func whenRequested(_ request: Request) async throws {
        try await self.requested.when { $0.contains(request) }
    }
}
