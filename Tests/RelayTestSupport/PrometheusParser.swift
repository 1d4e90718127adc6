import Foundation

/// What Prometheus's own Python parser (Debian's python3-prometheus-client) makes of a text.
package struct ParsedMetrics: Sendable {
    /// The type of each metric, by the name in its TYPE line.
    package private(set) var types: [String: String] = [:]
    /// By name and labels, these sorted: `clients{kind=raw,state=live}`.
    package private(set) var samples: [String: Double] = [:]

    private static let program = """
        import sys
        from prometheus_client.parser import text_string_to_metric_families
        for family in text_string_to_metric_families(open(sys.argv[1], newline='').read()):
            # The parser takes a counter's ending from its name.
            counter = family.type == 'counter' and not family.name.endswith('_total')
            print('type', family.name + ('_total' if counter else ''), family.type)
            for sample in family.samples:
                labels = ','.join(f'{name}={value}' for name, value in sorted(sample.labels.items()))
                print('sample', sample.name + ('{' + labels + '}' if labels else ''), repr(sample.value), sep='\\t')
        print('end')
        """

    /// - Throws: if the parser refuses it; says why.
    package init(parsing text: String) async throws {
        let folder = try TemporaryFolder()
        try text.write(toFile: folder.file("metrics"), atomically: true, encoding: .utf8)
        try Self.program.write(toFile: folder.file("parse.py"), atomically: true, encoding: .utf8)
        let python = try ChildProcess(
            "/usr/bin/python3",
            [folder.file("parse.py"), folder.file("metrics")],
            readsOutput: true
        )
        var lines: [String] = []
        while let line = try await python.lines.next(within: .patience) { lines.append(line) }
        guard lines.last == "end" else {
            throw CommandFailure(command: "prometheus_client", output: lines.joined(separator: "\n"))
        }
        for line in lines {
            let words = line.split(separator: line.hasPrefix("type") ? " " : "\t").map(String.init)
            if words.count == 3, words[0] == "type" { self.types[words[1]] = words[2] }
            if words.count == 3, words[0] == "sample" { self.samples[words[1]] = Double(words[2]) }
        }
    }

    package subscript(_ sample: String) -> Double? { self.samples[sample] }
}
