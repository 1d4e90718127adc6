import RelayCore
import RelayObservability
import RelayTestSupport
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1)))
struct MetricsObserverTests {
    private let registry = PrometheusRegistry(describing: MetricDescription.all)
    private let observer: MetricsObserver

    init() {
        self.observer = MetricsObserver(factory: self.registry)
    }

    /// What the parser reads after these observations, without the prefix.
    private func samples(after observations: [Observation]) async throws -> [String: Double] {
        for observation in observations { self.observer.observe(observation) }
        let samples = try await ParsedMetrics(parsing: self.registry.text()).samples
        let pairs = samples.map { (String($0.key.trimmingPrefix("pg_eventrelay_")), $0.value) }
        return Dictionary(uniqueKeysWithValues: pairs)
    }

    private func end(code: UInt16?) -> Observation {
        .subscriberLeft(
            FinishedSubscriber(
                address: "",
                subject: nil,
                selection: ChannelSelection("a"),
                kind: .raw,
                duration: .zero,
                events: 0,
                bytes: 0,
                side: .client,
                code: code,
                reason: ""
            )
        )
    }

    @Test func `every series that is known beforehand is there from the start`() async throws {
        let samples = try await self.samples(after: [])
        #expect(samples["events_delivered_total{kind=raw}"] == 0)
        for cause in RefusalCause.allCases { #expect(samples["requests_refused_total{cause=\(cause.rawValue)}"] == 0) }
        for reason in Gap.Reason.allCases { #expect(samples["gaps_told_total{reason=\(reason.rawValue)}"] == 0) }
        for cause in OutageCause.allCases { #expect(samples["source_failures_total{cause=\(cause.rawValue)}"] == 0) }
        #expect(samples["append_seconds_count"] == 0)
    }

    @Test func `events are counted by batch, on their way in and out`() async throws {
        var delivery = LoopDelivery()
        delivery.add(.raw, events: 6, bytes: 60)
        delivery.add(.enveloped, events: 2, bytes: 200)
        delivery.lag = .milliseconds(3)
        let samples = try await self.samples(after: [
            .notificationsReceived(3), .batchAppended(events: 2, took: .milliseconds(20)), .batchSetAside(events: 1),
            .batchDelivered(delivery), .replayed(.enveloped, events: 4, bytes: 40), .gapTold(.evicted, times: 5),
        ])
        #expect(samples["events_received_total"] == 3 && samples["events_appended_total"] == 2)
        #expect(samples["events_set_aside_total"] == 1)
        #expect(samples["events_delivered_total{kind=raw}"] == 6)
        #expect(samples["events_delivered_total{kind=enveloped}"] == 2)
        #expect(samples["events_replayed_total{kind=enveloped}"] == 4)
        #expect(samples["bytes_sent_total{protocol=websocket}"] == 300)
        #expect(samples["gaps_told_total{reason=evicted}"] == 5)
        #expect(samples["append_batch_events_sum"] == 2)
        #expect(samples["append_seconds_bucket{le=0.01}"] == 0 && samples["append_seconds_bucket{le=0.025}"] == 1)
        #expect(samples["delivery_lag_seconds_bucket{le=0.005}"] == 1)
    }

    @Test func `clients are counted where they are`() async throws {
        let samples = try await self.samples(after: [
            .subscriberMoved(.raw, from: .closed, to: .replaying), .subscriberMoved(.raw, from: .replaying, to: .live),
            .subscriberMoved(.raw, from: .closed, to: .replaying), .subscriberMoved(.raw, from: .live, to: .lagging),
            .subscriberMoved(.enveloped, from: .closed, to: .replaying),
            .subscriberMoved(.enveloped, from: .replaying, to: .closed), self.end(code: 1001), self.end(code: 4999),
            self.end(code: nil),
        ])
        #expect(samples["clients{kind=raw,state=replaying}"] == 1)
        #expect(samples["clients{kind=raw,state=live}"] == 0)
        #expect(samples["clients{kind=raw,state=lagging}"] == 1)
        #expect(samples["clients{kind=enveloped,state=replaying}"] == 0)
        #expect(samples["websocket_closes_total{code=1001}"] == 1)
        #expect(samples["websocket_closes_total{code=other}"] == 1)
        #expect(samples["websocket_closes_total{code=none}"] == 1)
        #expect(!samples.keys.contains { $0.contains("state=closed") || $0.contains("4999") })
    }

    @Test func `the connection to PostgreSQL: reconnects, failures by cause`() async throws {
        let first = try await self.samples(after: [
            .sourceConnected(server: "", channels: 0), .heartbeatHeard(roundTrip: .microseconds(400)),
        ])
        #expect(first["source_reconnects_total"] == 0)
        #expect(first["heartbeat_round_trip_seconds_bucket{le=0.0005}"] == 1)
        let second = try await self.samples(after: [
            .sourceDisconnected(cause: .closed, reason: ""), .sourceDisconnected(cause: .unreachable, reason: ""),
            .sourceDisconnected(cause: .unreachable, reason: ""),
        ])
        #expect(second["source_failures_total{cause=unreachable}"] == 2)
        let third = try await self.samples(after: [.sourceConnected(server: "", channels: 0)])
        #expect(third["source_reconnects_total"] == 1)
    }

    @Test func `requests by route and status, refusals by cause`() async throws {
        let request = AnsweredRequest(
            address: "",
            method: "GET",
            path: "/history/a",
            route: .history,
            status: 200,
            bytes: 70,
            duration: .zero
        )
        let samples = try await self.samples(after: [
            .requestAnswered(request), .requestAnswered(request),
            .requestRefused(.limitClients, status: 503, reason: "full"), .requestFailed(reason: ""),
            .acceptFailed(reason: ""),
        ])
        #expect(samples["http_requests_total{route=history,status=200}"] == 2)
        #expect(samples["bytes_sent_total{protocol=http}"] == 140)
        #expect(samples["requests_refused_total{cause=limit-clients}"] == 1)
        #expect(samples["requests_failed_total"] == 1 && samples["accept_failures_total"] == 1)
    }

    @Test func `gaps that are stored, also those with which recordings begin`() async throws {
        let gap = Gap(id: 2, channel: nil, after: 1, before: 3, reason: .disconnected)
        let samples = try await self.samples(after: [.gapStored(gap), .channelRecorded("a"), .channelRecorded("b")])
        #expect(samples["gaps_stored_total{reason=disconnected}"] == 1)
        #expect(samples["gaps_stored_total{reason=unrecorded}"] == 2)
    }
}

@Suite(.timeLimit(.minutes(1)))
struct MetricsPageTests {
    private func figures(_ status: RelayStatus) -> RelayFigures {
        var log = LogFigures()
        log.events = 7
        log.bytes = 4_096
        log.oldest = Timestamp(microseconds: 1_000_000)
        return RelayFigures(
            status: status,
            log: log,
            recordedChannels: 3,
            openDescriptors: 20,
            maximumDescriptors: 1_024,
            accessLogLinesDropped: 2,
            now: Timestamp(microseconds: 3_500_000)
        )
    }

    @Test func `the state of the relay is what it is at the scrape`() async throws {
        let failing = RelayStatus.Log.failing(since: Timestamp(microseconds: 0), reason: "full")
        var status = RelayStatus(source: .starting, log: failing, head: 5_000_000, writtenThrough: 3_000_000)
        let registry = PrometheusRegistry(describing: MetricDescription.all)
        let watched = Watched(status)
        let page = MetricsPage(registry: registry, version: "1.2.3") { self.figures(watched.value) }
        let now = ContinuousClock.now
        let first = try await ParsedMetrics(parsing: page.text(at: now))
        #expect(first["pg_eventrelay_source_state{state=starting}"] == 1)
        #expect(first["pg_eventrelay_source_state{state=connected}"] == 0)
        #expect(first["pg_eventrelay_log_writable"] == 0 && first["pg_eventrelay_log_lag_seconds"] == 2)
        #expect(first["pg_eventrelay_log_events"] == 7 && first["pg_eventrelay_log_bytes"] == 4_096)
        #expect(first["pg_eventrelay_log_oldest_event_age_seconds"] == 2.5)
        #expect(first["pg_eventrelay_channels_recorded"] == 3)
        #expect(first["pg_eventrelay_build_info{version=1.2.3}"] == 1)
        #expect(first["pg_eventrelay_access_log_lines_dropped_total"] == 2)
        #expect(first.types["pg_eventrelay_access_log_lines_dropped_total"] == "counter")
        #expect(first["process_open_fds"] == 20 && first["process_max_fds"] == 1_024)
        // Of this very process.
        #expect((first["process_resident_memory_bytes"] ?? 0) > 1_048_576)
        #expect((first["process_start_time_seconds"] ?? 0) > 1_600_000_000)

        status.source = .connected(since: Timestamp(microseconds: 0), server: "")
        status.log = .writable
        let connected = status
        watched.change { $0 = connected }
        let second = try await ParsedMetrics(parsing: page.text(at: now + MetricsPage.lifetime))
        #expect(second["pg_eventrelay_source_state{state=starting}"] == 0)
        #expect(second["pg_eventrelay_source_state{state=connected}"] == 1)
        #expect(second["pg_eventrelay_log_writable"] == 1)
    }
    @Test func `how full PostgreSQL's queue is counts for a minute, and is not known otherwise`() async throws {
        let asked = Timestamp(microseconds: 3_500_000)
        var figures = self.figures(RelayStatus(source: .starting, log: .writable, head: 1))
        func share() async throws -> Double? {
            let registry = PrometheusRegistry(describing: MetricDescription.all)
            let page = MetricsPage(registry: registry, version: "1.2.3") { [figures] in figures }
            let metrics = try await ParsedMetrics(parsing: page.text(at: .now))
            return metrics["pg_eventrelay_notification_queue_usage_ratio"]
        }
        #expect(try await share()?.isNaN == true)
        figures.status.queueUsage = RelayStatus.QueueUsage(share: 0.25, at: asked)
        #expect(try await share() == 0.25)
        figures.now = asked.advanced(by: .seconds(60))
        #expect(try await share() == 0.25)
        figures.now = asked.advanced(by: .seconds(60) + .microseconds(1))
        #expect(try await share()?.isNaN == true)
    }

    @Test func `within a second all who ask share one page`() async {
        let made = Atomic(0)
        let status = RelayStatus(source: .starting, log: .writable, head: 1)
        let page = MetricsPage(registry: PrometheusRegistry(describing: MetricDescription.all), version: "1.2.3") {
            var figures = self.figures(status)
            figures.recordedChannels = made.wrappingAdd(1, ordering: .relaxed).newValue
            return figures
        }
        let start = ContinuousClock.now
        let first = page.text(at: start)
        #expect(first.contains("pg_eventrelay_channels_recorded 1\n"))
        await withTaskGroup { group in
            for milliseconds in 0..<100 { group.addTask { page.text(at: start + .milliseconds(9 * milliseconds)) } }
            for await text in group { #expect(text == first) }
        }
        #expect(page.text(at: start + .milliseconds(999)) == first)
        #expect(made.load(ordering: .relaxed) == 1)
        #expect(page.text(at: start + .seconds(1)).contains("pg_eventrelay_channels_recorded 2\n"))
        // One that began to ask before that page was made.
        #expect(page.text(at: start + .milliseconds(999)).contains("pg_eventrelay_channels_recorded 2\n"))
    }
}
