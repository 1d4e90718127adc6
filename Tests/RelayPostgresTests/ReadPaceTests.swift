import RelayPostgres
import Testing

@Suite struct ReadPaceTests {
    /// Reads at a steady pace, each bringing the same; whether the last of them made the next one wait.
    private func waits(
        reads: Int,
        each notifications: Int,
        every interval: Duration
    ) -> Bool {
        var pace = ReadPace()
        var now = ContinuousClock.now
        var waits = false
        for _ in 0..<reads {
            now += interval
            waits = pace.read(notifications, at: now) != nil
        }
        return waits
    }

    @Test(arguments: [
        (1, Duration.milliseconds(10), false),
        (1, .milliseconds(1), false),
        (1, .microseconds(100), true),
        // As many as in a transaction of a few, at a low rate and at a high one.
        (10, .milliseconds(10), false),
        (10, .milliseconds(1), true),
        // What is worth its threads is taken at once, however much comes.
        (ReadPace.many, .microseconds(100), false),
        (100, .microseconds(100), false),
    ])
    func `only few notifications at a high rate are waited for`(each: Int, every: Duration, expected: Bool) {
        #expect(self.waits(reads: 2_000, each: each, every: every) == expected)
    }

    @Test func `nothing waits before a rate was seen`() {
        var pace = ReadPace()
        let start = ContinuousClock.now
        for read in 0..<40 {
            #expect(pace.read(1, at: start + .milliseconds(read)) == nil)
        }
    }

    @Test func `a pause ends the waiting`() {
        var pace = ReadPace()
        var now = ContinuousClock.now
        for _ in 0..<2_000 {
            now += .microseconds(100)
            _ = pace.read(1, at: now)
        }
        #expect(pace.read(1, at: now + .microseconds(100)) != nil)
        #expect(pace.read(1, at: now + .milliseconds(200)) == nil)
    }

    @Test func `the wait is one moment`() {
        var pace = ReadPace()
        var now = ContinuousClock.now
        var until: ContinuousClock.Instant?
        for _ in 0..<2_000 {
            now += .microseconds(100)
            until = pace.read(1, at: now)
        }
        #expect(until == now + ReadPace.moment)
    }

    @Test func `a read that brought nothing changes nothing`() {
        var pace = ReadPace()
        #expect(pace.read(0, at: .now) == nil)
    }
}
