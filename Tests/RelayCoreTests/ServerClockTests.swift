import RelayCore
import RelayTestSupport
import Testing

struct ServerClockTests {
    @Test func `it goes with the monotonic clock from the wall clock's time at start`() {
        let monotonic = ManualClock()
        let clock = ServerClock(startingAt: Timestamp(microseconds: 1_000), monotonic: monotonic)
        #expect(clock.now() == Timestamp(microseconds: 1_000))
        monotonic.advance(by: .milliseconds(5))
        #expect(clock.now() == Timestamp(microseconds: 6_000))
    }

    @Test func `time that passed before it was made does not count`() {
        let monotonic = ManualClock()
        monotonic.advance(by: .seconds(100))
        let clock = ServerClock(startingAt: Timestamp(microseconds: 1_000), monotonic: monotonic)
        #expect(clock.now() == Timestamp(microseconds: 1_000))
    }

    @Test(
        arguments: [
            (0, true), (1_795_377_600_123_456, true), (4_503_599_627_370_495, true),
            (4_503_599_627_370_496, false),  // 2^52
            (.max, false), (-1, false), (.min, false),
        ] as [(Int64, Bool)]
    )
    func `a wall clock before 1970 or beyond 2^52 is taken for broken`(microseconds: Int64, isPlausible: Bool) {
        let wallClock = Timestamp(microseconds: microseconds)
        let monotonic = ManualClock()
        let clock = ServerClock(startingAt: wallClock, monotonic: monotonic)
        monotonic.advance(by: .microseconds(7))
        #expect(ServerClock.isPlausible(wallClock) == isPlausible)
        #expect(clock.now().microseconds == (isPlausible ? microseconds + 7 : 7))
    }
}
