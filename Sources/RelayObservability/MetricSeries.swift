import Metrics
import Synchronization

/// One series of a metric: its labels are fixed, its value changes.
protocol MetricSeries: AnyObject, Sendable {
    func write(_ name: String, _ labels: [(String, String)], to text: inout PrometheusTextFormat)
}

/// A whole number that only grows.
final class CounterSeries: MetricSeries, CounterHandler {
    private let value = Atomic<Int64>(0)

    func increment(by amount: Int64) {
        if amount > 0 { self.value.wrappingAdd(amount, ordering: .relaxed) }
    }

    func reset() { self.value.store(0, ordering: .relaxed) }

    func write(_ name: String, _ labels: [(String, String)], to text: inout PrometheusTextFormat) {
        text.write(name, labels, Double(self.value.load(ordering: .relaxed)))
    }
}

/// A number that is set, or moves both ways.
final class NumberSeries: MetricSeries, MeterHandler, RecorderHandler, FloatingPointCounterHandler {
    private let bits = Atomic<UInt64>(0)

    func set(_ value: Double) { self.bits.store(value.bitPattern, ordering: .relaxed) }

    func set(_ value: Int64) { self.set(Double(value)) }

    func record(_ value: Double) { self.set(value) }

    func record(_ value: Int64) { self.set(Double(value)) }

    func increment(by amount: Double) {
        var current = self.bits.load(ordering: .relaxed)
        while true {
            let next = (Double(bitPattern: current) + amount).bitPattern
            let (done, found) = self.bits.weakCompareExchange(expected: current, desired: next, ordering: .relaxed)
            if done { return }
            current = found
        }
    }

    func decrement(by amount: Double) { self.increment(by: -amount) }

    func reset() { self.set(0.0) }

    func write(_ name: String, _ labels: [(String, String)], to text: inout PrometheusTextFormat) {
        text.write(name, labels, Double(bitPattern: self.bits.load(ordering: .relaxed)))
    }
}

/// Values counted by size. Its lock is held for a few instructions, once for a batch.
final class HistogramSeries: MetricSeries, RecorderHandler, TimerHandler {
    private struct Counts {
        /// Of each bucket alone, and of what is beyond the last.
        var counts: [Int]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let counts: Mutex<Counts>

    /// - Parameter bounds: the buckets' upper bounds, growing.
    init(bounds: [Double]) {
        self.bounds = bounds
        self.counts = Mutex(Counts(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    func record(_ value: Double) {
        // It would be in no bucket, and spoil the sum for ever.
        if value.isNaN { return }
        let place = self.bounds.firstIndex { value <= $0 } ?? self.bounds.count
        self.counts.withLock {
            $0.counts[place] += 1
            $0.sum += value
        }
    }

    func record(_ value: Int64) { self.record(Double(value)) }

    /// Seconds are what Prometheus counts in.
    func recordNanoseconds(_ duration: Int64) { self.record(Double(duration) / 1e9) }

    func write(_ name: String, _ labels: [(String, String)], to text: inout PrometheusTextFormat) {
        let counts = self.counts.withLock { $0 }
        text.write(name, labels, bounds: self.bounds, counts: counts.counts, sum: counts.sum)
    }
}
