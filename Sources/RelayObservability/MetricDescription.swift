/// What a metric is: under which name it is exported, what it says, and what it may be taken apart by.
package struct MetricDescription: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// Only grows.
        case counter
        case gauge
        /// - buckets: their upper bounds, growing, without the infinite one.
        case histogram(buckets: [Double])

        package var name: String {
            switch self {
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    package let name: String
    package let kind: Kind
    package let labels: [String]
    package let help: String

    package init(_ name: String, _ kind: Kind, labels: [String] = [], _ help: String) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.help = help
    }
}
