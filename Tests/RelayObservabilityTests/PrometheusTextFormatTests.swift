import RelayObservability
import RelayTestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct PrometheusTextFormatTests {
    @Test(
        arguments: [
            (0, "0"), (5, "5"), (-3, "-3"), (0.25, "0.25"), (1e-7, "1e-07"), (.infinity, "+Inf"), (-.infinity, "-Inf"),
            (.nan, "NaN"), (9_007_199_254_740_992, "9007199254740992"), (1e300, "1e+300"),
        ] as [(Double, String)]
    )
    func `numbers are written as Prometheus reads them`(number: Double, text: String) {
        #expect(PrometheusTextFormat.number(number) == text)
    }

    @Test(arguments: [("a.b-c", "a_b_c"), ("9lives", "_9lives"), ("", "_"), ("naïve", "na_ve"), ("ok_1", "ok_1")])
    func `whatever a metric is called, its name can be exported`(text: String, name: String) {
        #expect(PrometheusTextFormat.name(text) == name)
    }

    @Test func `help comes before type, once for a metric`() {
        var text = PrometheusTextFormat()
        text.begin(MetricDescription("m_total", .counter, "One \\ two\nthree \"four\"."))
        text.write("m_total", [("a", "1"), ("b", "x\"y\\z\n")], 3)
        #expect(
            text.text == #"""
                # HELP m_total One \\ two\nthree "four".
                # TYPE m_total counter
                m_total{a="1",b="x\"y\\z\n"} 3

                """#
        )
    }

    @Test func `a real parser reads back what was written, whatever stands in a label`() async throws {
        let values = ["", "plain", "quo\"te", "back\\slash", "\\n", "two\nlines", "{a=\"b\"} 1", "žluťoučký 🐎"]
        var text = PrometheusTextFormat()
        text.begin(MetricDescription("strange_total", .counter, "Back\\slash and\nline."))
        for (index, value) in values.enumerated() {
            text.write("strange_total", [("number", "\(index)"), ("value", value)], Double(index))
        }
        text.begin(MetricDescription("times", .histogram(buckets: [0.5, 1]), "Seconds."))
        text.write("times", [("of", "day")], bounds: [0.5, 1], counts: [2, 0, 3], sum: 12.5)
        let parsed = try await ParsedMetrics(parsing: text.text)
        #expect(parsed.types == ["strange_total": "counter", "times": "histogram"])
        // A line break ends the parser's own output line; that one is compared by its other half.
        for (index, value) in values.enumerated() where !value.contains("\n") {
            #expect(parsed["strange_total{number=\(index),value=\(value)}"] == Double(index), "\(value)")
        }
        #expect(text.text.contains(#"value="two\nlines""#))
        #expect(parsed["times_bucket{le=0.5,of=day}"] == 2)
        #expect(parsed["times_bucket{le=1,of=day}"] == 2)
        #expect(parsed["times_bucket{le=+Inf,of=day}"] == 5)
        #expect(parsed["times_count{of=day}"] == 5 && parsed["times_sum{of=day}"] == 12.5)
    }
}
