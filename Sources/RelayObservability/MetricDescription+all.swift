extension MetricDescription {
    static let prefix = "pg_eventrelay_"

    /// Every metric there is. `docs/metrics.md` has the same list.
    package static let all: [MetricDescription] = events + clients + source + log + requests + process

    private static func own(
        _ name: String,
        _ kind: Kind,
        labels: [String] = [],
        _ help: String
    ) -> MetricDescription {
        MetricDescription(Self.prefix + name, kind, labels: labels, help)
    }

    /// From 0.25 ms, a quiet loop, to the seconds of a disk that hangs.
    private static let seconds: Kind = .histogram(
        buckets: [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    )

    /// In powers of four up to the largest batch, and what is beyond it.
    private static let batchSizes: Kind = .histogram(buckets: [1, 4, 16, 64, 256, 1_024, 2_048, 4_096])

    private static let events = [
        own("events_received_total", .counter, "Notifications received from PostgreSQL."),
        own("events_appended_total", .counter, "Events appended to the log on arrival."),
        own("events_set_aside_total", .counter, "Events delivered from memory because the log could not be written."),
        own("events_delivered_total", .counter, labels: ["kind"], "Events sent live, once for each client."),
        own("events_replayed_total", .counter, labels: ["kind"], "Events sent from the log or the newest batches."),
        own("append_batch_events", batchSizes, "Events in a batch, which is one transaction."),
        own("append_seconds", seconds, "Time to append a batch, with all attempts."),
        own(
            "delivery_lag_seconds",
            seconds,
            "From the arrival of a batch's oldest notification until an event loop has sent the batch to its clients."
        ),
        own("gaps_stored_total", .counter, labels: ["reason"], "Gaps that were stored in the log."),
        own("gaps_told_total", .counter, labels: ["reason"], "Gaps sent to clients, once for each client."),
    ]

    private static let clients = [
        own("clients", .gauge, labels: ["kind", "state"], "Open WebSockets and event streams."),
        own("waiting_requests", .gauge, "Requests to /history that are waiting for something new."),
        own(
            "websocket_closes_total",
            .counter,
            labels: ["code"],
            "WebSockets that ended, by close code; none: without a close frame."
        ),
        own("event_stream_ends_total", .counter, labels: ["side"], "Event streams that ended, by side; nobody: cut."),
        own("bytes_sent_total", .counter, labels: ["protocol"], "Bytes of messages and HTTP answers."),
        own("channels_recorded", .gauge, "Channels that are recorded, or will be once PostgreSQL is available."),
    ]

    private static let source = [
        own("source_state", .gauge, labels: ["state"], "1 for the current state of the connection to PostgreSQL."),
        own("source_reconnects_total", .counter, "Connections to PostgreSQL after the first."),
        own(
            "source_failures_total",
            .counter,
            labels: ["cause"],
            "Connections to PostgreSQL that were lost, and attempts that failed."
        ),
        own("heartbeat_round_trip_seconds", seconds, "Time of a notification from the relay to itself."),
        own("heartbeats_refused_total", .counter, "Times that PostgreSQL began to refuse the heartbeat."),
        own(
            "notification_queue_usage_ratio",
            .gauge,
            "Share of PostgreSQL's notification queue that is in use, 0 to 1; NaN while unknown."
        ),
    ]

    private static let log = [
        own("log_writable", .gauge, "1 while the log can be written."),
        own("log_events", .gauge, "Events in the log."),
        own("log_bytes", .gauge, "Size of the log's file."),
        own("log_wal_bytes", .gauge, "Size of the write-ahead log beside it."),
        own("log_oldest_event_age_seconds", .gauge, "Age of the oldest event in the log; 0 if there is none."),
        own("log_lag_seconds", .gauge, "How far the log is behind the newest id while events are set aside."),
        own("log_set_aside_events", .gauge, "Events in memory that are not yet written."),
        own("log_set_aside_bytes", .gauge, "Memory taken by events that are not yet written."),
    ]

    private static let requests = [
        own("http_requests_total", .counter, labels: ["route", "status"], "HTTP requests that were answered."),
        own("requests_refused_total", .counter, labels: ["cause"], "Requests and connections that were refused."),
        own("requests_failed_total", .counter, "Requests that failed through the relay's own fault."),
        own("accept_failures_total", .counter, "Times the relay could not accept connections."),
        own("access_log_lines_dropped_total", .counter, "Access log lines dropped, as standard error was too slow."),
        own("metric_series_dropped_total", .counter, "Series dropped because there were too many."),
        own("build_info", .gauge, labels: ["version"], "1 for the running version."),
    ]

    /// Under the names that every exporter has for them.
    private static let process = [
        MetricDescription("process_cpu_seconds_total", .counter, "Processor time of the process."),
        MetricDescription("process_resident_memory_bytes", .gauge, "Resident memory of the process."),
        MetricDescription("process_open_fds", .gauge, "Open file descriptors."),
        MetricDescription("process_max_fds", .gauge, "Maximum number of open file descriptors."),
        MetricDescription("process_start_time_seconds", .gauge, "When the process started, in seconds since 1970."),
    ]
}
