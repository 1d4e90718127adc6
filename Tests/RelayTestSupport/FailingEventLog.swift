package import RelayCore

/// A log around another that fails when it is told to, or takes its time.
package final class FailingEventLog: EventLog {
    private enum Appends: Sendable {
        case work
        case wait
        case fail(LogFailure)
        case conflict(EventID)
    }

    private struct State: Sendable {
        var appends = Appends.work
        var tickFailure: LogFailure?
        var setAsideFailure: LogFailure?
        var attempts = 0
        var appendedThrough: EventID
    }

    private let log: any EventLog
    private let state: Watched<State>

    package init(around log: any EventLog) {
        self.log = log
        self.state = Watched(State(appendedThrough: log.identity.last))
    }

    // MARK: - Commands

    /// Appends begun from now on don't go on before `work` or `failAppends`.
    package func holdAppends() { self.state.change { $0.appends = .wait } }

    /// Appends fail, and write nothing.
    package func failAppends(_ reason: String) { self.state.change { $0.appends = .fail(LogFailure(reason)) } }

    /// Appends find that somebody else has appended up to `last`.
    package func conflict(last: EventID) { self.state.change { $0.appends = .conflict(last) } }

    /// Nothing can be set aside either.
    package func failSettingAside(_ reason: String) { self.state.change { $0.setAsideFailure = LogFailure(reason) } }

    package func failTicks(_ reason: String) { self.state.change { $0.tickFailure = LogFailure(reason) } }

    package func work() {
        self.state.change {
            $0.appends = .work
            $0.tickFailure = nil
            $0.setAsideFailure = nil
        }
    }

    // MARK: - What happened

    /// The newest id that is in the log.
    package var appendedThrough: EventID { self.state.value.appendedThrough }

    package var attempts: Int { self.state.value.attempts }

    /// Waits until an append was begun so many times.
    package func whenAttempted(_ count: Int) async throws {
        try await self.state.when { $0.attempts >= count }
    }

    // MARK: - EventLog

    package var identity: LogIdentity { self.log.identity }

    package var figures: LogFigures { self.log.figures }

    package func append(_ writes: [LogWrite], expecting last: EventID) async throws -> AppendOutcome {
        self.state.change { $0.attempts += 1 }
        let state = try await self.state.when { if case .wait = $0.appends { false } else { true } }
        switch state.appends {
        case .work, .wait: break
        case .fail(let failure): throw failure
        case .conflict(let last): return .conflict(last: last)
        }
        let outcome = try await self.log.append(writes, expecting: last)
        if case .appended(let batch) = outcome { self.state.change { $0.appendedThrough = batch.last } }
        return outcome
    }

    package func setAside(_ writes: [LogWrite], expecting last: EventID) async throws -> AppendOutcome {
        if let failure = self.state.value.setAsideFailure { throw failure }
        return try await self.log.setAside(writes, expecting: last)
    }

    package func read(
        _ selection: ChannelSelection,
        after: EventID,
        through: EventID,
        limit: Int
    ) async throws -> LogPage {
        try await self.log.read(selection, after: after, through: through, limit: limit)
    }

    package func history(_ query: HistoryQuery) async throws -> HistoryPage {
        try await self.log.history(query)
    }

    package func census() async throws -> ChannelCensus {
        try await self.log.census()
    }

    package func tick() async throws -> LogRepair? {
        if let failure = self.state.value.tickFailure { throw failure }
        return try await self.log.tick()
    }

    package func recordedChannels() async throws -> [ChannelName] {
        try await self.log.recordedChannels()
    }

    package func close() async throws {
        try await self.log.close()
    }
}

package struct LogFailure: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
