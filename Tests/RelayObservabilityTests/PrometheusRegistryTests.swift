import Metrics
import RelayObservability
import RelayTestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct PrometheusRegistryTests {
    private let registry = PrometheusRegistry(describing: [
        MetricDescription("seen_total", .counter, labels: ["kind"], "Seen."),
        MetricDescription("wait_seconds", .histogram(buckets: [0.1, 1]), "Waited."),
        MetricDescription("level", .gauge, "Level."),
        MetricDescription("silent_total", .counter, "Nobody counts it."),
    ])

    @Test func `what is counted through swift-metrics is exported, in the order of the descriptions`() async throws {
        Gauge(label: "level", factory: self.registry).record(2.5)
        Metrics.Timer(label: "wait_seconds", factory: self.registry).recordMilliseconds(50)
        Metrics.Timer(label: "wait_seconds", factory: self.registry).recordSeconds(7)
        Counter(label: "seen_total", dimensions: [("kind", "b")], factory: self.registry).increment(by: 3)
        Counter(label: "seen_total", dimensions: [("kind", "a")], factory: self.registry).increment()
        #expect(
            self.registry.text() == """
                # HELP seen_total Seen.
                # TYPE seen_total counter
                seen_total{kind="a"} 1
                seen_total{kind="b"} 3
                # HELP wait_seconds Waited.
                # TYPE wait_seconds histogram
                wait_seconds_bucket{le="0.1"} 1
                wait_seconds_bucket{le="1"} 1
                wait_seconds_bucket{le="+Inf"} 2
                wait_seconds_sum 7.05
                wait_seconds_count 2
                # HELP level Level.
                # TYPE level gauge
                level 2.5
                # HELP silent_total Nobody counts it.
                # TYPE silent_total counter

                """
        )
        #expect(try await ParsedMetrics(parsing: self.registry.text()).samples.count == 8)
    }

    @Test func `the same name and labels are the same series, in whatever order the labels come`() {
        for dimensions in [[("a", "1"), ("b", "2")], [("b", "2"), ("a", "1")]] {
            Counter(label: "other", dimensions: dimensions, factory: self.registry).increment()
        }
        #expect(self.registry.text().contains("other{a=\"1\",b=\"2\"} 2\n"))
    }

    @Test func `counters only grow, meters move both ways`() {
        let counter = Counter(label: "grows", factory: self.registry)
        counter.increment(by: 5)
        counter.increment(by: -2)
        let meter = Meter(label: "moves", factory: self.registry)
        meter.increment(by: 3)
        meter.decrement(by: 4)
        FloatingPointCounter(label: "parts", factory: self.registry).increment(by: 0.5)
        let text = self.registry.text()
        #expect(text.contains("\ngrows 5\n") && text.contains("\nmoves -1\n"))
    }

    @Test func `a name of another kind is not exported, and nothing is trapped`() {
        Counter(label: "level", factory: self.registry).increment()
        Meter(label: "level", factory: self.registry).set(7)
        #expect(self.registry.text().contains("\nlevel 1\n"))
    }

    @Test func `series have a limit, and those beyond it are counted as dropped`() {
        let registry = PrometheusRegistry(describing: MetricDescription.all)
        for number in 0..<PrometheusRegistry.maximumSeries + 7 {
            Counter(label: "many", dimensions: [("n", "\(number)")], factory: registry).increment()
        }
        let lines = registry.text().split(separator: "\n")
        #expect(lines.count { $0.hasPrefix("many{") } == PrometheusRegistry.maximumSeries)
        #expect(lines.contains("pg_eventrelay_metric_series_dropped_total 7"))
    }

    @Test func `what was destroyed is exported no more, and makes room`() {
        let counter = Counter(label: "gone", factory: self.registry)
        counter.increment()
        #expect(self.registry.text().contains("gone 1"))
        counter.destroy()
        #expect(!self.registry.text().contains("gone 1"))
    }

    @Test func `no number is lost when many threads count`() async {
        let counter = Counter(label: "seen_total", factory: self.registry)
        let meter = Meter(label: "level", factory: self.registry)
        let timer = Metrics.Timer(label: "wait_seconds", factory: self.registry)
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1_000 {
                        counter.increment()
                        meter.increment()
                        timer.recordNanoseconds(1)
                    }
                }
            }
        }
        let text = self.registry.text()
        #expect(text.contains("seen_total 8000\n") && text.contains("level 8000\n"))
        #expect(text.contains("wait_seconds_count 8000\n"))
    }
}
