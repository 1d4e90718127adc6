import RelayCore
import RelayTestSupport
import Testing

struct ChannelRegistryTests {
    private func time(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }

    /// At most three channels; idle after 100 seconds.
    private func registry(_ allowed: String...) -> ChannelRegistry {
        ChannelRegistry(allowed: allowed.map(ChannelGlob.init), maximumChannels: 3, idleAfter: .seconds(100))
    }

    // MARK: - Start

    @Test func `channels named without a wildcard are listened to from the start`() {
        var registry = self.registry("b", "a", "x*")
        #expect(registry.started(recorded: [], at: time(0)) == ["a", "b"])
        #expect(registry.names == ["a", "b"])
    }

    @Test func `channels of an earlier run are listened to again`() {
        var registry = self.registry("a", "x*")
        #expect(registry.started(recorded: ["x1", "a"], at: time(10)) == ["a", "x1"])
    }

    @Test func `channels of an earlier run that are not allowed any more are left out`() {
        var registry = self.registry("a")
        #expect(registry.started(recorded: ["old"], at: time(10)) == ["a"])
        #expect(!registry.isRecorded("old"))
    }

    @Test func `channels of an earlier run beyond the limit are left out`() {
        var registry = self.registry("a", "*")
        #expect(registry.started(recorded: ["x1", "x2", "x3"], at: time(10)) == ["a", "x1", "x2"])
    }

    // MARK: - Requests

    @Test func `the first request for a channel asks for it, the next ones wait with it`() {
        var registry = self.registry("*")
        #expect(registry.subscriberCame(to: "x", at: time(0)) == .wait(isNew: true))
        #expect(registry.subscriberCame(to: "x", at: time(0)) == .wait(isNew: false))
        registry.listening(to: "x", from: 1)
        #expect(registry.subscriberCame(to: "x", at: time(0)) == .ready)
    }

    @Test func `a loop that has seen the recording begin needs not ask`() {
        var registry = self.registry("x*")
        #expect(registry.subscriberCameAtOnce(to: "x", head: 100, at: time(0)) == false, "not recorded")
        _ = registry.subscriberCame(to: "x", at: time(0))
        #expect(registry.subscriberCameAtOnce(to: "x", head: 100, at: time(0)) == false, "not listened to")
        registry.listening(to: "x", from: 50)
        #expect(registry.subscriberCameAtOnce(to: "x", head: 49, at: time(0)) == false, "a loop that is behind")
        #expect(registry.subscriberCameAtOnce(to: "x", head: 50, at: time(0)) == true)
        #expect(registry.subscriberCameAtOnce(to: "other", head: 50, at: time(0)) == false, "not allowed")
        registry.disconnected()
        #expect(registry.subscriberCameAtOnce(to: "x", head: 100, at: time(0)) == false)
        // Two have come, in one way and the other; those that were turned away don't count.
        registry.subscriberLeft("x", at: time(0))
        #expect(registry.takeIdle(at: time(1_000_000)).isEmpty)
        registry.subscriberLeft("x", at: time(0))
        #expect(registry.takeIdle(at: time(1_000_000)) == ["x"])
    }

    @Test func `nothing is ready while the source is away`() {
        var registry = self.registry("a", "*")
        _ = registry.started(recorded: [], at: time(0))
        #expect(registry.subscriberCame(to: "a", at: time(0)) == .wait(isNew: false))
        registry.listening(to: "a", from: 1)
        #expect(registry.subscriberCame(to: "a", at: time(0)) == .ready)
        registry.disconnected()
        #expect(registry.subscriberCame(to: "a", at: time(0)) == .wait(isNew: false))
    }

    @Test func `a channel that no pattern allows is refused and leaves no trace`() {
        var registry = self.registry("a", "x*")
        #expect(registry.subscriberCame(to: "b", at: time(0)) == .refuse(.notAllowed("b")))
        #expect(!registry.isAllowed("b"))
        #expect(!registry.isRecorded("b"))
        #expect(ChannelRefusal.notAllowed("b").description == "requested channel 'b' is not allowed")
    }

    @Test func `one channel more than the limit is refused, a known one is not`() {
        var registry = self.registry("*")
        for name in ["x", "y", "z"] as [ChannelName] {
            #expect(registry.subscriberCame(to: name, at: time(0)) == .wait(isNew: true))
        }
        let refusal = ChannelRefusal.tooManyChannels(limit: 3)
        #expect(registry.subscriberCame(to: "w", at: time(0)) == .refuse(refusal))
        #expect(registry.subscriberCame(to: "x", at: time(0)) == .wait(isNew: false))
        #expect(refusal.description.contains("MaxChannels"))
        #expect(registry.names == ["x", "y", "z"])
    }

    // MARK: - Idleness

    @Test func `a channel without subscriber and event for so long is given up`() {
        var registry = self.registry("*")
        _ = registry.subscriberCame(to: "x", at: time(0))
        registry.subscriberLeft("x", at: time(50))
        #expect(registry.takeIdle(at: time(150)) == [])
        #expect(registry.takeIdle(at: time(151)) == ["x"])
        #expect(registry.takeIdle(at: time(152)) == [], "once")
        #expect(!registry.isRecorded("x"))
        #expect(registry.subscriberCame(to: "x", at: time(153)) == .wait(isNew: true))
    }

    @Test func `a channel with a subscriber is never idle`() {
        var registry = self.registry("*")
        _ = registry.subscriberCame(to: "x", at: time(0))
        _ = registry.subscriberCame(to: "x", at: time(0))
        registry.subscriberLeft("x", at: time(1))
        #expect(registry.takeIdle(at: time(10_000)) == [])
    }

    @Test func `an event keeps a channel from being idle`() {
        var registry = self.registry("*")
        _ = registry.subscriberCame(to: "x", at: time(0))
        registry.subscriberLeft("x", at: time(0))
        registry.received(on: "x", at: time(90))
        #expect(registry.takeIdle(at: time(101)) == [])
        #expect(registry.takeIdle(at: time(191)) == ["x"])
    }

    @Test func `a channel named in the configuration is never idle`() {
        var registry = self.registry("a", "*")
        _ = registry.started(recorded: ["x"], at: time(0))
        #expect(registry.takeIdle(at: time(1_000_000)) == ["x"])
        #expect(registry.names == ["a"])
    }

    @Test func `the idle time of a channel of an earlier run begins with this one`() {
        var registry = self.registry("*")
        _ = registry.started(recorded: ["x"], at: time(140))
        #expect(registry.takeIdle(at: time(240)) == [])
        #expect(registry.takeIdle(at: time(241)) == ["x"])
    }

    @Test func `a channel that PostgreSQL refuses is forgotten, and asked for anew by the next request`() {
        var registry = self.registry("*")
        _ = registry.subscriberCame(to: "x", at: time(0))
        registry.refused("x")
        #expect(!registry.isRecorded("x"))
        registry.subscriberLeft("x", at: time(0))
        #expect(registry.subscriberCame(to: "x", at: time(0)) == .wait(isNew: true))
    }

    @Test func `a channel that was given up makes room for another`() {
        var registry = self.registry("*")
        for name in ["x", "y", "z"] as [ChannelName] { _ = registry.subscriberCame(to: name, at: time(0)) }
        registry.subscriberLeft("y", at: time(0))
        #expect(registry.takeIdle(at: time(200)) == ["y"])
        #expect(registry.subscriberCame(to: "w", at: time(200)) == .wait(isNew: true))
    }

    @Test func `reports about channels that were given up change nothing`() {
        var registry = self.registry("*")
        registry.listening(to: "x", from: 1)
        registry.received(on: "x", at: time(0))
        registry.subscriberLeft("x", at: time(0))
        #expect(registry.names == [])
        #expect(registry.subscriberCame(to: "x", at: time(0)) == .wait(isNew: true))
    }
}
