import RelayTestSupport

/// What happened beside the events.
struct SoakTally: Sendable {
    var faults: [SoakFault: Int] = [:]
    var relayStatuses: [String: Int] = [:]
    var violations = SoakViolations()
}

/// The table at the end of a soak.
struct SoakReport: CustomStringConvertible {
    let violations: SoakViolations
    let description: String

    init(plan: SoakPlan, took: Duration, tally: SoakTally, audit: SoakAudit) {
        var violations = tally.violations
        violations.add(audit.violations())
        self.violations = violations

        var lines = ["", "\(plan.name): \(took.components.seconds) s, EVENTRELAY_TEST_SEED=\(plan.seed)"]
        func line(_ name: String, _ value: some CustomStringConvertible) {
            let padding = String(repeating: " ", count: max(1, 44 - name.utf8.count))
            lines.append("  \(name)\(padding)\(value)")
        }
        func section(_ name: String, _ counts: [String: Int]) {
            if counts.isEmpty { return }
            lines.append(name)
            for (key, count) in counts.sorted(by: { $0.key < $1.key }) { line(key, count) }
        }
        section("Faults", Dictionary(uniqueKeysWithValues: tally.faults.map { ($0.key.rawValue, $0.value) }))
        section("The relay's ends", tally.relayStatuses)
        let publications = audit.publications
        lines.append("Events")
        line("published", publications.attempted)
        line("of them certainly committed", publications.count(.confirmed))
        line("committed, heard by nobody, inside a gap", publications.unseen)
        line("in the log at the end", audit.log.events)
        line("delivered, enveloped", audit.records.reduce(0) { $0 + $1.delivered })
        line("of them replayed or paged", audit.records.reduce(0) { $0 + $1.replayed })
        line("delivered, raw", audit.raws.reduce(0) { $0 + $1.delivered })
        lines.append("Clients")
        line("clients, and lives of those that begin anew", audit.records.count + audit.raws.count)
        line(
            "connections and pages",
            audit.records.reduce(0) { $0 + $1.connections } + audit.raws.reduce(0) { $0 + $1.connections }
        )
        section("Gaps stored", Dictionary(audit.log.gaps.map { ($0.gap.reason, 1) }, uniquingKeysWith: +))
        section(
            "Gaps told",
            Dictionary(audit.records.flatMap { $0.gaps.map { ($0.reason, 1) } }, uniquingKeysWith: +)
        )
        line("VIOLATIONS", violations.count)
        for (kind, count, first) in violations.byKind {
            line("  " + kind.rawValue, count)
            for text in first { lines.append("    \(text)") }
        }
        self.description = lines.joined(separator: "\n") + "\n"
    }
}
