/// Compares what was published, what each client saw and what the log holds at the end.
///
/// An event that somebody did not get is excused by a gap in whose range it may lie: its id says so where anybody saw
/// it, else the ids of its neighbours in the same stream. What the log had is excused only by a gap that answers a
/// cursor (`evicted`, `ahead`, `replaced`).
struct SoakAudit {
    var traffic: SoakTraffic
    var publications: SoakPublications
    var records: [SoakRecord]
    var raws: [SoakRawRecord]
    var log: SoakLog

    func violations() -> SoakViolations {
        var all = self.publications.violations
        all.add(self.log.violations)
        for id in self.publications.reusedIDs(self.log.gaps.map(\.gap)) { all.add(.reusedID, "the id \(id)") }
        for record in self.records {
            all.add(record.violations)
            all.add(self.losses(record))
        }
        for record in self.raws {
            all.add(record.violations)
            all.add(self.losses(record))
        }
        for stream in self.publications.streams.indices { all.add(self.lossesOfLog(stream)) }
        return all
    }

    private func losses(_ record: SoakRecord) -> SoakViolations {
        var violations = SoakViolations()
        for hole in record.holes {
            self.publications.streams[hole.stream].missing(hole.numbers) { missing in
                // It lies before the client's beginning, or may.
                if let id = missing.id, id <= hole.after { return }
                if missing.id == nil, missing.after < hole.after { return }
                let isExcused = record.gaps.contains { gap in
                    guard let id = missing.id else { return gap.meets(after: missing.after, before: missing.before) }
                    return gap.holds(id) && (gap.isOfCursor || missing.facts.isDisjoint(with: [.logged, .kept]))
                }
                if isExcused { return }
                violations.add(
                    missing.facts.isDisjoint(with: [.logged, .kept]) ? .withoutGap : .lost,
                    "\(record.name) did not get \(hole.stream):\(missing.number) (id \(missing.id ?? 0)), after \(hole.after)"
                )
            }
        }
        return violations
    }

    /// A raw client is told nothing, but between two events of one connection it misses only what the log never had.
    private func losses(_ record: SoakRawRecord) -> SoakViolations {
        var violations = SoakViolations()
        for hole in record.holes {
            self.publications.streams[hole.stream].missing(hole.numbers) { missing in
                if missing.facts.isDisjoint(with: [.logged, .kept]), self.isInGap(missing, hole.stream) { return }
                violations.add(.lost, "\(record.name) did not get \(hole.stream):\(missing.number)")
            }
        }
        return violations
    }

    private func lossesOfLog(_ stream: Int) -> SoakViolations {
        var violations = SoakViolations()
        let floor = self.log.floors[self.traffic.channel(of: stream)] ?? 0
        self.publications.streams[stream].missing(0..<self.publications.streams[stream].count) { missing in
            if missing.facts.contains(.kept) || (missing.id ?? .max) <= floor { return }
            if self.isInGap(missing, stream) { return }
            if missing.id != nil {
                violations.add(.notInLog, "\(stream):\(missing.number) with the id \(missing.id ?? 0)")
            } else if !self.mayHaveBeenEvicted(missing, stream) {
                violations.add(
                    .withoutGap,
                    "\(stream):\(missing.number), between \(missing.after) and \(missing.before)"
                )
            }
        }
        return violations
    }

    private func isInGap(_ missing: SoakPublications.Stream.Missing, _ stream: Int) -> Bool {
        let channel = self.traffic.channel(of: stream)
        return self.log.gaps.contains { gap, of in
            guard of == nil || of == channel else { return false }
            return missing.id.map(gap.holds) ?? gap.meets(after: missing.after, before: missing.before)
        }
    }

    /// Who reads all of the history sees an event before it is evicted, or is told.
    private func mayHaveBeenEvicted(_ missing: SoakPublications.Stream.Missing, _ stream: Int) -> Bool {
        self.records.contains { record in
            record.readsHistory && record.isOf(stream: stream)
                && record.gaps.contains { $0.isOfCursor && $0.meets(after: missing.after, before: missing.before) }
        }
    }
}

/// What the log's file holds after the relay has stopped.
struct SoakLog: Sendable {
    /// With the channel that they concern; nil for all.
    var gaps: [(gap: SoakGap, channel: Int?)] = []
    /// Of each channel, the highest id evicted.
    var floors: [Int: Int64] = [:]
    private(set) var events = 0
    private(set) var violations = SoakViolations()
    private var newest: Int64 = 0
    private var newestNumbers: [Int: Int] = [:]

    /// Takes the events in the order in which the log gives them.
    mutating func take(_ event: SoakEvent, _ publications: inout SoakPublications) {
        self.events += 1
        guard publications.saw(event, [.logged, .kept]) else { return }
        if event.id <= self.newest {
            self.violations.add(.outOfOrder, "the log has \(event) after the id \(self.newest)")
        }
        if let before = self.newestNumbers[event.stream], event.number <= before {
            let kind: SoakViolation.Kind = event.number == before ? .twice : .outOfOrder
            self.violations.add(kind, "the log has \(event) after number \(before)")
        }
        self.newest = max(self.newest, event.id)
        self.newestNumbers[event.stream] = event.number
    }

    mutating func isDamaged(_ text: String) { self.violations.add(.damagedLog, text) }
    mutating func isChanged(_ text: String) { self.violations.add(.changed, "the log has \(text)") }
}
