import Metrics
import RelayCore
import Synchronization

/// All metrics as text, those of the relay's state and of the process as they are at that moment.
package final class MetricsPage: MetricsExposition {
    package let contentType = PrometheusTextFormat.contentType

    /// How long a page is given to whoever asks next. Without a port for operators anyone may ask, as often as he likes,
    /// and each page reads /proc and the names of all open files. Prometheus asks every few seconds at the most.
    package static let lifetime = Duration.seconds(1)
    /// How long it counts what PostgreSQL said of its notification queue. It is asked three times in that time, unless
    /// the relay leaves the connection alone.
    package static let queueUsageLifetime = Duration.seconds(60)

    private let registry: PrometheusRegistry
    private let figures: @Sendable () -> RelayFigures
    private let newest = Mutex<Page?>(nil)

    private struct Page {
        let text: String
        let made: ContinuousClock.Instant
    }

    private let sourceStates: Labelled<SourceState, Meter>
    private let queueUsage: Meter
    private let channelsRecorded: Meter
    private let logWritable: Meter
    private let logEvents: Meter
    private let logBytes: Meter
    private let logWALBytes: Meter
    private let logOldestAge: Meter
    private let logLag: Meter
    private let logSetAsideEvents: Meter
    private let logSetAsideBytes: Meter
    private let accessLogLinesDropped: Meter
    private let cpuSeconds: Meter
    private let residentBytes: Meter
    private let openDescriptors: Meter
    private let maximumDescriptors: Meter
    private let startTime: Meter

    private enum SourceState: String, CaseIterable {
        case starting, connected, disconnected

        init(_ source: RelayStatus.Source) {
            switch source {
            case .starting: self = .starting
            case .connected: self = .connected
            case .disconnected: self = .disconnected
            }
        }
    }

    /// - Parameters:
    ///   - version: of the program.
    ///   - figures: asked for each page.
    package init(registry: PrometheusRegistry, version: String, figures: @escaping @Sendable () -> RelayFigures) {
        func own(_ name: String, _ dimensions: [(String, String)] = []) -> Meter {
            Meter(label: MetricDescription.prefix + name, dimensions: dimensions, factory: registry)
        }
        func process(_ name: String) -> Meter { Meter(label: "process_" + name, dimensions: [], factory: registry) }
        self.registry = registry
        self.figures = figures
        self.sourceStates = Labelled { own("source_state", [("state", $0)]) }
        self.queueUsage = own("notification_queue_usage_ratio")
        self.channelsRecorded = own("channels_recorded")
        self.logWritable = own("log_writable")
        self.logEvents = own("log_events")
        self.logBytes = own("log_bytes")
        self.logWALBytes = own("log_wal_bytes")
        self.logOldestAge = own("log_oldest_event_age_seconds")
        self.logLag = own("log_lag_seconds")
        self.logSetAsideEvents = own("log_set_aside_events")
        self.logSetAsideBytes = own("log_set_aside_bytes")
        self.accessLogLinesDropped = own("access_log_lines_dropped_total")
        self.cpuSeconds = process("cpu_seconds_total")
        self.residentBytes = process("resident_memory_bytes")
        self.openDescriptors = process("open_fds")
        self.maximumDescriptors = process("max_fds")
        self.startTime = process("start_time_seconds")
        own("build_info", [("version", version)]).set(1)
        if let process = ProcessFigures.read() {
            self.startTime.set(ProcessFigures.bootTime() + process.startSeconds)
        }
    }

    /// Who asks while a page is being made waits for that one.
    package func text(at now: ContinuousClock.Instant) -> String {
        self.newest.withLock { newest in
            if let newest, newest.made.duration(to: now) < Self.lifetime { return newest.text }
            let text = self.makeText()
            newest = Page(text: text, made: now)
            return text
        }
    }

    private func makeText() -> String {
        let figures = self.figures()
        let state = SourceState(figures.status.source)
        for one in SourceState.allCases { self.sourceStates[one]?.set(one == state ? 1 : 0) }
        self.queueUsage.set(Self.share(figures.status.queueUsage, at: figures.now))
        self.channelsRecorded.set(figures.recordedChannels)
        if case .writable = figures.status.log { self.logWritable.set(1) } else { self.logWritable.set(0) }
        self.update(figures.log, figures.status, at: figures.now)
        self.accessLogLinesDropped.set(figures.accessLogLinesDropped)
        if let process = ProcessFigures.read() {
            self.cpuSeconds.set(process.cpuSeconds)
            self.residentBytes.set(process.residentBytes)
        }
        if let open = figures.openDescriptors { self.openDescriptors.set(open) }
        self.maximumDescriptors.set(figures.maximumDescriptors)
        return self.registry.text()
    }

    private static func share(_ usage: RelayStatus.QueueUsage?, at now: Timestamp) -> Double {
        guard let usage, now <= usage.at.advanced(by: self.queueUsageLifetime) else { return .nan }
        return usage.share
    }

    private func update(_ log: LogFigures, _ status: RelayStatus, at now: Timestamp) {
        self.logEvents.set(log.events)
        self.logBytes.set(log.bytes)
        self.logWALBytes.set(log.walBytes)
        self.logOldestAge.set(log.oldest.map { Double(max(0, now.microseconds - $0.microseconds)) / 1e6 } ?? 0)
        self.logLag.set(Double(status.head.rawValue - status.writtenThrough.rawValue) / 1e6)
        self.logSetAsideEvents.set(log.setAsideEvents)
        self.logSetAsideBytes.set(log.setAsideBytes)
    }
}
