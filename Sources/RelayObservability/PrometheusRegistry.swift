package import Metrics
import Synchronization

/// The backend of swift-metrics: keeps every series and writes all of them for Prometheus.
///
/// What a metric is called, says and is measured in stands in its description. One without is exported too, under its
/// label as far as that can be a name.
package final class PrometheusRegistry: MetricsFactory {
    /// Series at the most: several times what the relay has by itself. One more is counted nowhere but as dropped: an
    /// exporter that grows without end takes its monitoring down with it.
    package static let maximumSeries = 1_000

    /// For metrics without a description.
    private static let buckets: [Double] = [0.001, 0.01, 0.1, 1, 10]
    private static let dropped = MetricDescription.prefix + "metric_series_dropped_total"

    private struct Family {
        let description: MetricDescription
        /// By their labels as they are written.
        var series: [String: Entry] = [:]
    }

    private struct Entry {
        let labels: [(String, String)]
        let series: any MetricSeries
    }

    private struct State {
        var families: [String: Family] = [:]
        var count = 0
        var dropped = 0
    }

    private let descriptions: [String: MetricDescription]
    /// In which they are written; others follow, by name.
    private let order: [String]
    private let state = Mutex(State())

    package init(describing descriptions: [MetricDescription]) {
        self.descriptions = Dictionary(descriptions.map { ($0.name, $0) }) { first, _ in first }
        self.order = descriptions.map(\.name)
    }

    /// The series of a metric and its labels, made where it isn't there. One of another kind under the same name, and
    /// one too many, is not exported.
    private func series<Series: MetricSeries>(
        _ label: String,
        _ dimensions: [(String, String)],
        _ kind: MetricDescription.Kind,
        make: (MetricDescription) -> Series
    ) -> Series {
        let name = PrometheusTextFormat.name(label)
        let labels = dimensions.map { (PrometheusTextFormat.name($0.0), $0.1) }
        let key = labels.map { "\($0.0)=\($0.1)" }.sorted().joined(separator: "\0")
        let description = self.descriptions[name] ?? MetricDescription(name, kind, "")
        return self.state.withLock { state in
            if let known = state.families[name]?.series[key]?.series as? Series { return known }
            let series = make(description)
            guard state.families[name]?.series[key] == nil, state.count < Self.maximumSeries else {
                state.dropped += 1
                return series
            }
            state.families[name, default: Family(description: description)].series[key] =
                Entry(labels: labels, series: series)
            state.count += 1
            return series
        }
    }

    private func remove(_ series: any MetricSeries) {
        self.state.withLock { state in
            for (name, family) in state.families {
                for (key, entry) in family.series where entry.series === series {
                    state.families[name]?.series[key] = nil
                    state.count -= 1
                }
            }
        }
    }

    /// All series, by metric.
    package func text() -> String {
        let (families, dropped) = self.state.withLock { ($0.families, $0.dropped) }
        var text = PrometheusTextFormat()
        for name in self.order + families.keys.filter({ self.descriptions[$0] == nil }).sorted() {
            guard let description = self.descriptions[name] ?? families[name]?.description else { continue }
            text.begin(description)
            if name == Self.dropped { text.write(name, [], Double(dropped)) }
            guard let family = families[name] else { continue }
            for (_, entry) in family.series.sorted(by: { $0.key < $1.key }) {
                entry.series.write(name, entry.labels, to: &text)
            }
        }
        return text.text
    }

    // MARK: - MetricsFactory

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        self.series(label, dimensions, .counter) { _ in CounterSeries() }
    }

    package func makeFloatingPointCounter(
        label: String,
        dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        self.series(label, dimensions, .counter) { _ in NumberSeries() }
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        self.series(label, dimensions, .gauge) { _ in NumberSeries() }
    }

    package func makeRecorder(
        label: String,
        dimensions: [(String, String)],
        aggregate: Bool
    ) -> any RecorderHandler {
        if aggregate { return self.histogram(label, dimensions) }
        return self.series(label, dimensions, .gauge) { _ in NumberSeries() }
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        self.histogram(label, dimensions)
    }

    private func histogram(_ label: String, _ dimensions: [(String, String)]) -> HistogramSeries {
        self.series(label, dimensions, .histogram(buckets: Self.buckets)) { description in
            guard case .histogram(let buckets) = description.kind else { return HistogramSeries(bounds: Self.buckets) }
            return HistogramSeries(bounds: buckets)
        }
    }

    package func destroyCounter(_ handler: any CounterHandler) { self.destroy(handler) }

    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { self.destroy(handler) }

    package func destroyMeter(_ handler: any MeterHandler) { self.destroy(handler) }

    package func destroyRecorder(_ handler: any RecorderHandler) { self.destroy(handler) }

    package func destroyTimer(_ handler: any TimerHandler) { self.destroy(handler) }

    private func destroy(_ handler: AnyObject) {
        if let series = handler as? any MetricSeries { self.remove(series) }
    }
}
