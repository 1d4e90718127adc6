package import RelayCore
import Synchronization

/// A time that stands still until the test moves it: the clock to sleep on, and the time of day.
package final class ManualClock: Clock {
    package struct Instant: InstantProtocol {
        fileprivate var sinceStart: Duration

        package func advanced(by duration: Duration) -> Instant {
            Instant(sinceStart: self.sinceStart + duration)
        }

        package func duration(to other: Instant) -> Duration {
            other.sinceStart - self.sinceStart
        }

        package static func < (left: Instant, right: Instant) -> Bool {
            left.sinceStart < right.sinceStart
        }
    }

    private struct Sleeper {
        let ticket: Int
        let deadline: Instant
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var now = Instant(sinceStart: .zero)
        var wallClockAtStart: Timestamp
        var sleepers: [Sleeper] = []
        var tickets = 0
    }

    private let state: Mutex<State>
    private let sleeping = Watched(0)

    /// - Parameter start: the time of day.
    package init(startingAt start: Timestamp = .ofTests) {
        self.state = Mutex(State(wallClockAtStart: start))
    }

    package var now: Instant { self.state.withLock { $0.now } }

    package var minimumResolution: Duration { .nanoseconds(1) }

    /// The time of day, which goes with this clock.
    package var serverClock: ServerClock {
        ServerClock { self.timeOfDay }
    }

    package var timeOfDay: Timestamp {
        self.state.withLock { $0.wallClockAtStart.advanced(by: $0.now.sinceStart) }
    }

    /// Moves the time on and wakes those whose time has come.
    package func advance(by duration: Duration) {
        let due = self.state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let due = state.sleepers.filter { $0.deadline <= state.now }
            state.sleepers.removeAll { $0.deadline <= state.now }
            return due
        }
        self.sleeping.change { $0 -= due.count }
        for sleeper in due { sleeper.continuation.resume() }
    }

    /// The time of day jumps, as when somebody sets the system's clock; sleepers don't notice.
    package func stepTimeOfDay(by duration: Duration) {
        self.state.withLock { $0.wallClockAtStart = $0.wallClockAtStart.advanced(by: duration) }
    }

    /// Waits until so many sleep on this clock.
    package func whenSleeping(_ count: Int) async throws {
        try await self.sleeping.when { $0 >= count }
    }

    package func sleep(until deadline: Instant, tolerance: Duration? = nil) async throws {
        let ticket = self.state.withLock { state in
            state.tickets += 1
            return state.tickets
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isAsleep = self.state.withLock { state in
                    if deadline <= state.now || Task.isCancelled { return false }
                    state.sleepers.append(Sleeper(ticket: ticket, deadline: deadline, continuation: continuation))
                    return true
                }
                if isAsleep { self.sleeping.change { $0 += 1 } } else { continuation.resume() }
            }
        } onCancel: {
            let sleeper = self.state.withLock { state in
                let index = state.sleepers.firstIndex { $0.ticket == ticket }
                return index.map { state.sleepers.remove(at: $0) }
            }
            guard let sleeper else { return }
            self.sleeping.change { $0 -= 1 }
            sleeper.continuation.resume()
        }
        try Task.checkCancellation()
    }
}

extension Timestamp {
    /// 2026-11-22T19:00:00.123456Z, some time to start at.
    package static let ofTests = Timestamp(microseconds: 1_795_374_000_123_456)
}
