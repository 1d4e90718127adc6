import Synchronization

/// The way of an event: from the source's queue into the log, and from there to the subscribers.
///
/// It is the only one that appends, so ids, batches and fan-out have one order. Nothing is delivered before it is
/// appended, with one exception: when the log could not be written for a second, delivery goes on without it. Events
/// then get ids that the log had reserved and are set aside in memory, to be written when that is possible again.
package actor Relay {
    /// How long a request for a channel waits until PostgreSQL listens to it. After it the subscriber is let in all the
    /// same; it is told by a gap if the channel was not recorded yet.
    package static let listenPatience = Duration.seconds(5)
    /// Between two attempts to append a batch: SQLite itself has waited 50 ms for a lock by then.
    package static let appendRetryInterval = Duration.milliseconds(100)
    /// How long the log may fail before delivery goes on without it. A lock or a slow disk is mostly over by then, and
    /// an event that is a second late harms less than one that is missing from the log.
    package static let setAsideAfter = Duration.seconds(1)
    /// How long a stop waits for a log that can't be written.
    package static let abandonAfter = Duration.seconds(5)

    private let log: any EventLog
    private let source: any EventSource
    private let hub: any EventHub
    private let observer: any Observer
    private let serverClock: ServerClock
    private let clock: any Clock<Duration>
    private let executor: any SerialExecutor

    /// Read and changed from event loops too, each time in a few instructions.
    private nonisolated let registry: Mutex<ChannelRegistry>
    private nonisolated let sharedStatus: Mutex<RelayStatus>

    /// The newest id given. Everything up to it was published.
    private var last: EventID
    /// When the oldest of the reports in hand arrived.
    private var received: ContinuousClock.Instant?
    private var standing: LogStanding
    /// Nothing more can be set aside, so nothing is delivered until the log can be written.
    private var isWaiting = false
    /// Events set aside, and not known to be written yet.
    private var setAsideCount = 0
    /// The gap to store when the source listens again; nil while it does.
    private var outage: (reason: Gap.Reason, after: EventID?)?
    private var appendFailure: Failure?
    private var upkeepFailure: Failure?
    private var waiters: [ChannelName: [Waiter]] = [:]
    private var hasEnded = false

    private struct Failure {
        let since: Timestamp
        let reason: String
    }

    private struct Waiter {
        let deadline: Timestamp
        let continuation: CheckedContinuation<Void, Never>
    }

    /// - Parameters:
    ///   - executor: where it runs. With the log's own, an append costs no change of thread.
    ///   - clock: for the waits between attempts and ticks.
    package init(
        log: any EventLog,
        source: any EventSource,
        hub: any EventHub,
        registry: ChannelRegistry,
        observer: any Observer,
        serverClock: ServerClock,
        clock: any Clock<Duration>,
        executor: any SerialExecutor
    ) {
        let identity = log.identity
        self.log = log
        self.source = source
        self.hub = hub
        self.observer = observer
        self.serverClock = serverClock
        self.clock = clock
        self.executor = executor
        self.registry = Mutex(registry)
        self.sharedStatus = Mutex(RelayStatus(source: .starting, log: .writable, head: identity.last))
        self.last = identity.last
        self.standing = LogStanding(writtenThrough: identity.last)
        self.outage = identity.isNew ? nil : (.restarted, identity.lastFound)
    }

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        self.executor.asUnownedSerialExecutor()
    }

    package nonisolated var status: RelayStatus { self.sharedStatus.withLock { $0 } }

    // MARK: - Running

    /// Works until the source has ended and what it reported is in the log.
    /// - Throws: when the log can't be used at all.
    package func run() async throws {
        defer {
            self.hasEnded = true
            self.resumeWaiters { _, _ in true }
        }
        try await withThrowingTaskGroup { group in
            group.addTask { await self.tickUntilCancelled() }
            while let reports = await self.source.reports.next(.standard) {
                self.received = self.source.reports.takenSince
                try await self.take(reports)
                await self.hub.hasCaughtUp()
            }
            try await self.writeWhatIsAside()
            group.cancelAll()
        }
    }

    /// Asks the source for the channels that are recorded from start-up: before `run`, and before the source runs.
    package func restoreChannels() async throws {
        let recorded = try await self.log.recordedChannels()
        let now = self.serverClock.now()
        for channel in self.registry.withLock({ $0.started(recorded: recorded, at: now) }) {
            self.source.listen(to: channel)
        }
    }

    private func take(_ reports: [SourceReport]) async throws {
        var writes: [LogWrite] = []
        var listening: [ChannelName] = []
        var refused: [ChannelName] = []
        for report in reports {
            switch report {
            case .notifications(let notifications):
                self.observer.observe(.notificationsReceived(notifications.count))
                writes.append(contentsOf: notifications.lazy.map { .event($0) })
            case .connected(let channels, let server):
                if let outage = self.outage { writes.append(.gap(outage.reason, after: outage.after)) }
                self.outage = nil
                // What the log took for recorded and was given up meanwhile, in whatever state things were, ends here.
                writes.append(.recordingOnly(Set(channels)))
                writes.append(contentsOf: channels.lazy.map { .recordingStarted($0) })
                listening.append(contentsOf: channels)
                self.setSource(.connected(since: self.serverClock.now(), server: server))
                self.observer.observe(.sourceConnected(server: server, channels: channels.count))
            case .disconnected(let cause, let reason):
                self.sourceDisconnected(cause, reason)
                listening = []
            case .heartbeat(let roundTrip):
                let now = self.serverClock.now()
                let hadFailed = self.sharedStatus.withLock { $0.heartbeatHeard(at: now, roundTrip: roundTrip) }
                self.observer.observe(.heartbeatHeard(roundTrip: roundTrip))
                if hadFailed { self.observer.observe(.heartbeatRecovered) }
            case .heartbeatFailed(let reason):
                let isNew = self.sharedStatus.withLock { $0.heartbeatFailed() }
                if isNew { self.observer.observe(.heartbeatFailed(reason: reason)) }
            case .queueUsage(let share):
                let usage = share.map { RelayStatus.QueueUsage(share: $0, at: self.serverClock.now()) }
                self.sharedStatus.withLock { $0.queueUsage = usage }
            case .listening(let channel):
                writes.append(.recordingStarted(channel))
                listening.append(channel)
            case .stoppedListening(let channel):
                writes.append(.recordingStopped(channel))
                self.observer.observe(.channelGivenUp(channel))
            case .refused(let channel, let reason):
                writes.append(.recordingStopped(channel))
                refused.append(channel)
                self.source.stopListening(to: channel)
                self.observer.observe(.channelRefused(channel, reason: reason))
            }
        }
        try await self.appendAndPublish(writes)
        self.registry.withLock { registry in
            for channel in listening { registry.listening(to: channel, from: self.last) }
            for channel in refused { registry.refused(channel) }
        }
        self.resumeWaiters { channel, _ in listening.contains(channel) || refused.contains(channel) }
    }

    private func sourceDisconnected(_ cause: OutageCause, _ reason: String) {
        if case .connected = self.status.source { self.outage = (.disconnected, nil) }
        self.registry.withLock { $0.disconnected() }
        switch self.status.source {
        case .disconnected(let since, _, _):
            self.setSource(.disconnected(since: since, cause: cause, reason: reason))
        case .starting, .connected:
            self.setSource(.disconnected(since: self.serverClock.now(), cause: cause, reason: reason))
        }
        self.observer.observe(.sourceDisconnected(cause: cause, reason: reason))
        self.resumeWaiters { _, _ in true }
    }

    // MARK: - Appending

    private func appendAndPublish(_ writes: [LogWrite]) async throws {
        let start = self.serverClock.now()
        guard !writes.isEmpty, var batch = try await self.append(writes) else { return }
        batch.received = self.received
        self.last = batch.last
        self.advance(to: batch.standing)
        self.sharedStatus.withLock { $0.head = batch.last }
        guard batch.last > batch.after else { return }
        let took = Duration.microseconds(self.serverClock.now().microseconds - start.microseconds)
        self.hub.publish(batch)
        self.observe(batch, took: took)
    }

    /// Whether everything that has an id is in the log.
    private var isWritten: Bool { self.standing.writtenThrough == self.last }

    /// Appends, or sets aside, trying again for as long as it takes; nil if a stop could not wait any longer.
    private func append(_ writes: [LogWrite]) async throws -> AppendedBatch? {
        while true {
            // What is set aside comes first, and the tick sees to that: a failing attempt for each batch would hold up
            // what is delivered meanwhile.
            if self.isWritten, let batch = try await self.attempt(writes) { return batch }
            if let batch = try await self.setAside(writes) { return batch }
            if self.hasFailedFor(Self.abandonAfter), self.source.reports.isFinished {
                self.observer.observe(.eventsAbandoned(count: writes.count(where: \.isEvent)))
                return nil
            }
            // A cancelled sleep returns at once; the loop then ends by `abandonAfter`.
            try? await self.clock.sleep(for: Self.appendRetryInterval)
        }
    }

    /// - Returns: nil if the log can't be written now.
    private func attempt(_ writes: [LogWrite]) async throws -> AppendedBatch? {
        do {
            let batch = try await self.log.append(writes, expecting: self.last).batch(expecting: self.last)
            self.setFailures(append: nil, upkeep: self.upkeepFailure)
            return batch
        } catch let error as RelayError {
            throw error
        } catch {
            let since = self.appendFailure?.since ?? self.serverClock.now()
            self.setFailures(append: Failure(since: since, reason: "\(error)"), upkeep: self.upkeepFailure)
            return nil
        }
    }

    /// - Returns: nil if the log has not failed for long, or can't take anything aside either.
    private func setAside(_ writes: [LogWrite]) async throws -> AppendedBatch? {
        guard !self.isWritten || self.hasFailedFor(Self.setAsideAfter) else { return nil }
        do {
            let batch = try await self.log.setAside(writes, expecting: self.last).batch(expecting: self.last)
            if self.isWritten { self.observer.observe(.settingAside) }
            self.setAsideCount += writes.count(where: \.isEvent)
            self.isWaiting = false
            return batch
        } catch let error as RelayError {
            throw error
        } catch {
            // Then events wait in PostgreSQL, as before the log had failed for long.
            if !self.isWaiting { self.observer.observe(.eventsWait(reason: "\(error)")) }
            self.isWaiting = true
            return nil
        }
    }

    private func hasFailedFor(_ duration: Duration) -> Bool {
        guard let since = self.appendFailure?.since else { return false }
        return since.advanced(by: duration) < self.serverClock.now()
    }

    /// What is aside is tried once more, or for as long as a stop waits.
    private func writeWhatIsAside() async throws {
        while !self.isWritten {
            try await self.attemptWhatIsAside()
            if self.isWritten { return }
            if self.hasFailedFor(Self.abandonAfter) {
                return self.observer.observe(.eventsAbandoned(count: self.setAsideCount))
            }
            try? await self.clock.sleep(for: Self.appendRetryInterval)
        }
    }

    private func attemptWhatIsAside() async throws {
        guard let batch = try await self.attempt([]) else { return }
        self.advance(to: batch.standing)
        self.hub.logStands(at: self.standing)
    }

    private func advance(to standing: LogStanding) {
        let lost = self.standing.lost
        self.standing.advance(to: standing)
        self.sharedStatus.withLock { $0.writtenThrough = self.standing.writtenThrough }
        if let lost, self.standing.lost == nil { self.observer.observe(.gapStored(lost)) }
        if self.isWritten { self.setAsideCount = 0 }
    }

    private func observe(_ batch: AppendedBatch, took: Duration) {
        var events = 0
        var previous: ChannelName?
        let now = self.serverClock.now()
        for entry in batch.entries {
            switch entry {
            case .event(let event):
                events += 1
                if event.channel == previous { continue }
                previous = event.channel
                self.registry.withLock { $0.received(on: event.channel, at: now) }
            case .gap(let gap):
                if gap.reason == .unrecorded, let channel = gap.channel {
                    self.observer.observe(.channelRecorded(channel))
                } else {
                    self.observer.observe(.gapStored(gap))
                }
            }
        }
        if events == 0 { return }
        let isAside = batch.standing.writtenThrough < batch.last
        self.observer.observe(isAside ? .batchSetAside(events: events) : .batchAppended(events: events, took: took))
    }

    // MARK: - Upkeep

    private func tickUntilCancelled() async {
        while !Task.isCancelled {
            await self.tick()
            try? await self.clock.sleep(for: .seconds(1))
        }
    }

    /// What is due each second.
    package func tick() async {
        let now = self.serverClock.now()
        do {
            if let repair = try await self.log.tick() { self.observer.observe(.logRepaired(repair)) }
            self.setFailures(append: self.appendFailure, upkeep: nil)
        } catch {
            let since = self.upkeepFailure?.since ?? now
            self.setFailures(append: self.appendFailure, upkeep: Failure(since: since, reason: "\(error)"))
        }
        // Where somebody else has appended, our next append finds it, too, and ends the relay.
        if !self.isWritten { try? await self.attemptWhatIsAside() }
        for channel in self.registry.withLock({ $0.takeIdle(at: now) }) {
            self.source.stopListening(to: channel)
        }
        self.resumeWaiters { _, waiter in waiter.deadline <= now }
    }

    private func setFailures(append: Failure?, upkeep: Failure?) {
        let before = self.appendFailure ?? self.upkeepFailure
        self.appendFailure = append
        self.upkeepFailure = upkeep
        let after = append ?? upkeep
        if before?.reason == after?.reason { return }
        self.sharedStatus.withLock { status in
            status.log = after.map { .failing(since: $0.since, reason: $0.reason) } ?? .writable
        }
        self.observer.observe(after.map { .logFailed(reason: $0.reason) } ?? .logRecovered)
    }

    private func setSource(_ source: RelayStatus.Source) {
        self.sharedStatus.withLock { status in
            status.source = source
            status.queueUsage = nil
        }
    }

    // MARK: - Subscribers

    /// Lets a subscriber of `channel` in and waits until the channel is recorded, if PostgreSQL is there.
    ///
    /// What was published when this returns is found on every event loop by what is submitted to it afterwards.
    /// Each subscriber that was let in has to be reported by `subscriberLeft`.
    /// - Returns: the newest id of the log.
    package func admit(_ channel: ChannelName) async throws(ChannelRefusal) -> EventID {
        let now = self.serverClock.now()
        switch self.registry.withLock({ $0.subscriberCame(to: channel, at: now) }) {
        case .refuse(let refusal):
            throw refusal
        case .ready:
            break
        case .wait(let isNew):
            if isNew { self.source.listen(to: channel) }
            await withCheckedContinuation { continuation in
                // Between the question above and this point the actor may have done something else, as the runtime may
                // change threads where it waits: whoever was let in by then has left nobody to resume this one.
                guard self.mustWait(for: channel) else { return continuation.resume() }
                let waiter = Waiter(deadline: now.advanced(by: Self.listenPatience), continuation: continuation)
                self.waiters[channel, default: []].append(waiter)
            }
            guard self.isRecorded(channel) else { throw .impossible(channel) }
        }
        return self.last
    }

    private func mustWait(for channel: ChannelName) -> Bool {
        if case .disconnected = self.status.source { return false }
        return !self.hasEnded && self.registry.withLock { $0.awaitsListening(channel) }
    }

    /// Lets a subscriber of several channels in, or none of them.
    /// - Throws: `ChannelRefusal` of the first of them that is refused. It counts for none of them then.
    package func admit(_ channels: [ChannelName]) async throws -> EventID {
        if channels.count == 1 { return try await self.admit(channels[0]) }
        let admissions = await withTaskGroup(of: (Int, ChannelRefusal?).self) { group in
            // At the same time: each may have to wait for PostgreSQL.
            for (index, channel) in channels.enumerated() {
                group.addTask {
                    do throws(ChannelRefusal) { _ = try await self.admit(channel) } catch { return (index, error) }
                    return (index, nil)
                }
            }
            var admissions: [(Int, ChannelRefusal?)] = []
            for await admission in group { admissions.append(admission) }
            return admissions
        }
        let refusals = admissions.filter { $0.1 != nil }
        guard let first = refusals.min(by: { $0.0 < $1.0 }), let refusal = first.1 else { return self.last }
        for (index, refusal) in admissions where refusal == nil { self.subscriberLeft(channels[index]) }
        throw refusal
    }

    /// Lets a subscriber of `channel` in at once, on an event loop whose newest id is `head`, if nobody has to be waited
    /// for. For a cursor above `head` that is not enough: there `admit` says whether the log has given it.
    /// - Returns: whether it was let in; if not, `admit` decides.
    package nonisolated func admitAtOnce(_ channel: ChannelName, head: EventID) -> Bool {
        let now = self.serverClock.now()
        return self.registry.withLock { $0.subscriberCameAtOnce(to: channel, head: head, at: now) }
    }

    /// The same of several channels, or none of them.
    package nonisolated func admitAtOnce(_ channels: [ChannelName], head: EventID) -> Bool {
        for (index, channel) in channels.enumerated() where !self.admitAtOnce(channel, head: head) {
            for admitted in channels[..<index] { self.subscriberLeft(admitted) }
            return false
        }
        return true
    }

    package nonisolated func subscriberLeft(_ channel: ChannelName) {
        self.registry.withLock { $0.subscriberLeft(channel, at: self.serverClock.now()) }
    }

    private func resumeWaiters(where isDue: (ChannelName, Waiter) -> Bool) {
        for (channel, waiters) in self.waiters {
            let due = waiters.filter { isDue(channel, $0) }
            if due.isEmpty { continue }
            let rest = waiters.filter { !isDue(channel, $0) }
            self.waiters[channel] = rest.isEmpty ? nil : rest
            for waiter in due { waiter.continuation.resume() }
        }
    }

    // MARK: - Channels

    package nonisolated func isAllowed(_ channel: ChannelName) -> Bool {
        self.registry.withLock { $0.isAllowed(channel) }
    }

    package nonisolated func isRecorded(_ channel: ChannelName) -> Bool {
        self.registry.withLock { $0.isRecorded(channel) }
    }

    /// Those that are recorded or will be as soon as PostgreSQL is there, by name.
    package nonisolated var recordedChannels: [ChannelName] {
        // Sorted outside the lock, for which event loops wait.
        self.registry.withLock { $0.unsortedNames }.sorted()
    }

    /// How many there are of each of them now.
    package nonisolated var subscribers: [ChannelName: Int] { self.registry.withLock { $0.subscribers } }

    package nonisolated var recordedCount: Int { self.registry.withLock { $0.count } }
}

extension AppendOutcome {
    fileprivate func batch(expecting last: EventID) throws(RelayError) -> AppendedBatch {
        switch self {
        case .appended(let batch): return batch
        case .conflict(let found): throw .appendedElsewhere(expected: last, found: found)
        }
    }
}

package enum RelayError: Error, Equatable {
    /// Another writer appended to the log, which this relay must be alone on.
    case appendedElsewhere(expected: EventID, found: EventID)
}

extension RelayError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .appendedElsewhere(let expected, let found):
            """
            the log's newest id is \(found) and not \(expected): somebody else appends to it. \
            One log belongs to one relay; stop the other writer and start again
            """
        }
    }
}
