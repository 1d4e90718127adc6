/// Metrics as text, in the form that Prometheus reads
/// (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format).
package struct PrometheusTextFormat: Sendable {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package private(set) var text = ""

    package init() {}

    /// The lines before a metric's series.
    package mutating func begin(_ description: MetricDescription) {
        if !description.help.isEmpty {
            self.text += "# HELP \(description.name) \(Self.escaped(description.help, quotes: false))\n"
        }
        self.text += "# TYPE \(description.name) \(description.kind.name)\n"
    }

    package mutating func write(_ name: String, _ labels: [(String, String)], _ value: Double) {
        self.text += name
        if !labels.isEmpty {
            self.text += "{"
            for (index, (label, value)) in labels.enumerated() {
                self.text += "\(index > 0 ? "," : "")\(label)=\"\(Self.escaped(value, quotes: true))\""
            }
            self.text += "}"
        }
        self.text += " \(Self.number(value))\n"
    }

    /// - Parameters:
    ///   - bounds: the upper bounds of the buckets, without the infinite one.
    ///   - counts: of each bucket alone, and of what is beyond the last.
    package mutating func write(
        _ name: String,
        _ labels: [(String, String)],
        bounds: [Double],
        counts: [Int],
        sum: Double
    ) {
        var total = 0
        for (bound, count) in zip(bounds + [.infinity], counts) {
            total += count
            self.write("\(name)_bucket", labels + [("le", Self.number(bound))], Double(total))
        }
        self.write("\(name)_sum", labels, sum)
        self.write("\(name)_count", labels, Double(total))
    }

    /// Whole numbers without a fraction, for the eye.
    package static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return Int(exactly: value).map { "\($0)" } ?? "\(value)"
    }

    package static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// A name that may be exported: what is neither letter, digit nor underscore becomes one.
    package static func name(_ text: String) -> String {
        let name = String(
            text.unicodeScalars.map { scalar in
                let isAllowed = scalar.isASCII && (scalar.properties.isAlphabetic || "0"..."9" ~= scalar)
                return isAllowed ? Character(scalar) : "_"
            }
        )
        return name.first.map { $0.isNumber } ?? true ? "_" + name : name
    }
}
