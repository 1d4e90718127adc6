import Foundation
import RelayCore
import RelayObservability
import Testing

/// docs/metrics.md, the dashboard and the alerts name the metrics that there are.
struct MetricsDocumentsTests {
    private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        .joined(separator: "/")

    private static func text(_ name: String) throws -> String {
        try String(contentsOfFile: "\(self.root)/docs/\(name)", encoding: .utf8)
    }

    /// The names that an expression uses, without the ending of a histogram's series.
    private static func names(in expression: String) -> Set<String> {
        let names = expression.matches(of: /\b(pg_eventrelay_\w+|process_\w+)/).map { String($0.1) }
        let histograms = MetricDescription.all.filter { $0.kind.name == "histogram" }.map(\.name)
        return Set(
            names.map { name in
                histograms.first { histogram in ["_bucket", "_sum", "_count"].contains { name == histogram + $0 } }
                    ?? name
            }
        )
    }

    @Test func `the table has all metrics, with type, labels and meaning`() throws {
        let rows = try Self.text("metrics.md").split(separator: "\n").compactMap { line in
            line.firstMatch(of: /^\| `(\w+)` \| (\w+) \| ([^|]*) \| (.*) \|$/).map {
                [String($0.1), String($0.2), String($0.3), String($0.4)]
            }
        }
        let all = MetricDescription.all.map { metric in
            [metric.name, metric.kind.name, metric.labels.map { "`\($0)`" }.joined(separator: " "), metric.help]
        }
        #expect(rows == all)
    }

    @Test func `each cause of a refusal is explained`() throws {
        let text = try Self.text("metrics.md")
        for cause in RefusalCause.allCases { #expect(text.contains("`\(cause.rawValue)`"), "\(cause)") }
    }

    @Test func `names and units are as Prometheus has them`() {
        for metric in MetricDescription.all {
            #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter), "\(metric.name)")
            #expect(PrometheusTextFormat.name(metric.name) == metric.name)
            #expect(metric.help.hasSuffix("."), "\(metric.name)")
        }
        #expect(Set(MetricDescription.all.map(\.name)).count == MetricDescription.all.count)
    }

    @Test func `every panel of the dashboard uses metrics that there are`() throws {
        let data = Data(try Self.text("grafana-dashboard.json").utf8)
        let dashboard = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let panels = try #require(dashboard["panels"] as? [[String: Any]])
        let known = Set(MetricDescription.all.map(\.name))
        var identifiers: Set<Int> = []
        for panel in panels where panel["type"] as? String != "row" {
            let title = try #require(panel["title"] as? String)
            let targets = try #require(panel["targets"] as? [[String: Any]])
            for target in targets {
                let names = Self.names(in: try #require(target["expr"] as? String))
                #expect(!names.isEmpty && names.isSubset(of: known), "\(title): \(names)")
            }
            #expect(identifiers.insert(try #require(panel["id"] as? Int)).inserted, "\(title)")
        }
        #expect(identifiers.count >= 10)
    }

    @Test func `every alert uses metrics that there are`() throws {
        let known = Set(MetricDescription.all.map(\.name))
        let expressions = try Self.text("alerts.yml").split(separator: "\n").filter { $0.contains("expr:") }
        #expect(expressions.count >= 8)
        for expression in expressions {
            let names = Self.names(in: String(expression))
            #expect(!names.isEmpty && names.isSubset(of: known), "\(expression)")
        }
    }
}
