import RelayCore
import RelayTestSupport
import Testing

/// What `/health` tells.
@Suite(.timeLimit(.minutes(1)))
struct RelayStatusTests {
    @Test func `it starts with the first attempt under way`() {
        let test = RelayUnderTest()
        #expect(test.relay.status == RelayStatus(source: .starting, log: .writable, head: test.memory.identity.last))
        #expect(!test.relay.status.isHealthy)
    }

    @Test func `it knows since when the source is connected, and to what`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.clock.advance(by: .seconds(3))
            let since = test.clock.timeOfDay
            test.source.connect("a")
            try await test.published(1)
            test.clock.advance(by: .seconds(3))
            #expect(test.relay.status.source == .connected(since: since, server: "scripted"))
            #expect(test.relay.status.isHealthy)
            #expect(test.relay.status.head == test.memory.entries.last?.id)
        }
    }

    @Test func `an outage lasts since the first failure and has the newest reason`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.connect("a")
            try await test.published(1)
            let since = test.clock.timeOfDay
            for reason in ["closed", "refused", "still refused"] {
                test.source.report(.disconnected(reason: reason))
                try await test.observer.when { if case .sourceDisconnected(_, reason) = $0 { true } else { false } }
                #expect(test.relay.status.source == .disconnected(since: since, cause: .closed, reason: reason))
                test.clock.advance(by: .seconds(2))
            }
            #expect(!test.relay.status.isHealthy)
            let again = test.clock.timeOfDay
            test.source.connect("a")
            try await test.published(2)
            #expect(test.relay.status.source == .connected(since: again, server: "scripted"))
        }
    }

    @Test func `it knows what PostgreSQL said last of its queue on this connection, and when`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.connect("a")
            try await test.published(1)
            /// Reports are taken in order, so the heartbeat behind it says that it was.
            func report(_ share: Double?) async throws {
                test.clock.advance(by: .seconds(20))
                let beat = Duration.microseconds(test.clock.timeOfDay.microseconds)
                test.source.report(.queueUsage(share))
                test.source.report(.heartbeat(roundTrip: beat))
                try await test.observer.when { if case .heartbeatHeard(beat) = $0 { true } else { false } }
            }
            #expect(test.relay.status.queueUsage == nil)
            try await report(0.5)
            #expect(test.relay.status.queueUsage == RelayStatus.QueueUsage(share: 0.5, at: test.clock.timeOfDay))
            try await report(nil)
            #expect(test.relay.status.queueUsage == nil)
            try await report(0.25)
            #expect(test.relay.status.queueUsage?.share == 0.25)
            test.source.report(.disconnected(reason: "closed"))
            try await test.observer.when { if case .sourceDisconnected = $0 { true } else { false } }
            #expect(test.relay.status.queueUsage == nil)
        }
    }

    @Test func `it knows the last heartbeat, and tells once that they fail`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.connect("a")
            try await test.published(1)
            let since = test.clock.timeOfDay
            for number in 1...2 {
                test.clock.advance(by: .seconds(4))
                let at = test.clock.timeOfDay
                test.source.report(.heartbeat(roundTrip: .milliseconds(number)))
                try await test.observer.when {
                    if case .heartbeatHeard(.milliseconds(number)) = $0 { true } else { false }
                }
                var heartbeat = RelayStatus.Heartbeat(at: at, roundTrip: .milliseconds(number))
                #expect(test.relay.status.source == .connected(since: since, server: "scripted", heartbeat: heartbeat))

                test.clock.advance(by: .seconds(4))
                test.source.report(.heartbeatFailed(reason: "\(number)"))
                test.source.report(.heartbeatFailed(reason: "again"))
                let told = "heartbeatFailed(reason: \"\(number)\")"
                try await test.observer.when { "\($0)" == told }
                heartbeat.isFailing = true
                #expect(test.relay.status.source == .connected(since: since, server: "scripted", heartbeat: heartbeat))
                #expect(test.relay.status.isHealthy, "what is published can still be heard")
            }
            test.source.report(.heartbeat(roundTrip: .zero))
            try await test.observer.when { if case .heartbeatHeard(.zero) = $0 { true } else { false } }
        }
        let told = test.observer.texts.filter { $0.hasPrefix("heartbeatFailed") || $0.hasPrefix("heartbeatRec") }
        #expect(
            told == [
                #"heartbeatFailed(reason: "1")"#, "heartbeatRecovered", #"heartbeatFailed(reason: "2")"#,
                "heartbeatRecovered",
            ]
        )
    }

    @Test func `a log that can't be appended to is failing until an append works`() async throws {
        let test = RelayUnderTest()
        try await test.run {
            test.source.connect("a")
            try await test.published(1)
            test.log.failAppends("disk full")
            let since = test.clock.timeOfDay
            test.source.send("a", "1")
            try await test.observer.when { if case .logFailed("disk full") = $0 { true } else { false } }
            #expect(test.relay.status.log == .failing(since: since, reason: "disk full"))
            #expect(!test.relay.status.isHealthy)

            try await test.clock.whenSleeping(2)
            test.clock.advance(by: Relay.appendRetryInterval)
            try await test.log.whenAttempted(3)
            try await test.clock.whenSleeping(2)
            #expect(test.relay.status.log == .failing(since: since, reason: "disk full"), "since the first failure")

            test.log.work()
            test.clock.advance(by: Relay.appendRetryInterval)
            try await test.published(2)
            #expect(test.relay.status.log == .writable)
        }
        let told = test.observer.texts.filter { $0.hasPrefix("log") }
        #expect(told == ["logFailed(reason: \"disk full\")", "logRecovered"], "told once, not at each attempt")
    }

    @Test func `a log whose upkeep fails is failing until the upkeep works`() async throws {
        let test = RelayUnderTest()
        test.log.failTicks("the file is gone")
        let since = test.clock.timeOfDay
        await test.relay.tick()
        test.clock.advance(by: .seconds(1))
        await test.relay.tick()
        #expect(test.relay.status.log == .failing(since: since, reason: "the file is gone"))
        test.log.work()
        await test.relay.tick()
        #expect(test.relay.status.log == .writable)
        #expect(test.observer.texts == ["logFailed(reason: \"the file is gone\")", "logRecovered"])
    }

    @Test func `an append that works does not hide an upkeep that fails`() async throws {
        let test = RelayUnderTest()
        test.log.failTicks("the file is gone")
        await test.relay.tick()
        try await test.run {
            test.source.connect("a")
            try await test.published(1)
            guard case .failing(_, "the file is gone") = test.relay.status.log else {
                Issue.record("\(test.relay.status.log)")
                return
            }
        }
    }
}
