import RelayHTTP
import RelayTestSupport
import Testing

struct RateLimitTests {
    private let start = ContinuousClock.now

    private func later(_ seconds: Double) -> ContinuousClock.Instant { self.start.advanced(by: .seconds(seconds)) }

    private func limit(
        _ count: Int,
        each period: Duration = .seconds(1),
        burst: Duration = .seconds(10),
        maximumKeys: Int = 100
    ) -> RateLimit<Int> {
        RateLimit(count, each: period, burst: burst, maximumKeys: maximumKeys)
    }

    @Test
    func `after a pause a burst is let in, then a steady rate, and who is refused is told how long to wait`() {
        var limit = self.limit(2)
        for _ in 0..<20 { #expect(limit.taken(by: 1, at: self.start) == nil) }
        #expect(limit.taken(by: 1, at: self.start) == .seconds(0.5))
        #expect(limit.taken(by: 1, at: self.later(0.25)) == .seconds(0.25))
        #expect(limit.taken(by: 2, at: self.start) == nil)
        #expect(limit.taken(by: 1, at: self.later(0.5)) == nil)
        #expect(limit.taken(by: 1, at: self.later(0.5)) == .seconds(0.5))
        // What is refused is not held against anyone.
        for _ in 0..<100 { _ = limit.taken(by: 1, at: self.later(0.75)) }
        #expect(limit.taken(by: 1, at: self.later(1)) == nil)
        for _ in 0..<20 { #expect(limit.taken(by: 1, at: self.later(100)) == nil) }
        #expect(limit.taken(by: 1, at: self.later(100)) != nil)
    }

    @Test(arguments: [1, 3, 7, 1_000, 50_000])
    func `exactly as many as were set come at once in their period`(count: Int) {
        var limit = self.limit(count, each: .seconds(60), burst: .seconds(60))
        for number in 0..<count {
            guard limit.taken(by: 1, at: self.start) == nil else {
                Issue.record("refused \(number) of \(count)")
                return
            }
        }
        #expect(limit.taken(by: 1, at: self.start) != nil)
    }

    @Test(arguments: [Int.max, Int.max / 2])
    func `the largest counts are no limit, and no trap`(count: Int) {
        var limit = self.limit(count)
        for _ in 0..<1000 { #expect(limit.taken(by: 1, at: self.start) == nil) }
    }

    @Test(arguments: SeededGenerator.seeds(fixed: 2, new: 2))
    func `in no span of time more come than the rate and the burst`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let count = Int.random(in: 1...5, using: &random)
        var limit = self.limit(count)
        var now = self.start
        var taken: [ContinuousClock.Instant] = []
        for _ in 0..<3000 {
            now = now.advanced(by: .milliseconds(Int.random(in: 0...300, using: &random)))
            if let wait = limit.taken(by: 1, at: now) {
                // And it is no longer than is needed.
                var copy = limit
                #expect(copy.taken(by: 1, at: now.advanced(by: wait)) == nil)
                #expect(copy.taken(by: 1, at: now) != nil)
            } else {
                taken.append(now)
            }
        }
        for first in stride(from: 0, to: taken.count, by: 7) {
            for last in stride(from: first, to: taken.count, by: 11) {
                let span = taken[first].duration(to: taken[last]) / .seconds(1)
                #expect(Double(last - first + 1) <= span * Double(count) + 10 * Double(count) + 0.001)
            }
        }
    }

    @Test
    func `a clock that goes back, as two threads may see it, lets nobody in earlier`() {
        var limit = self.limit(1, each: .seconds(1), burst: .seconds(1))
        #expect(limit.taken(by: 1, at: self.later(5)) == nil)
        #expect(limit.taken(by: 1, at: self.start) == .seconds(6))
    }

    @Test
    func `keys with full buckets are forgotten, and never more than the bound are remembered`() {
        var limit = self.limit(1, maximumKeys: 100)
        for key in 0..<100 { _ = limit.taken(by: key, at: self.start) }
        #expect(limit.keysRemembered == 100)
        #expect(limit.taken(by: 100, at: self.later(0.5)) == nil)
        #expect(limit.keysRemembered == 91)
        #expect(limit.taken(by: 101, at: self.later(2)) == nil)
        for key in 200..<208 { #expect(limit.taken(by: key, at: self.later(2)) == nil) }
        #expect(limit.keysRemembered == 100)
        #expect(limit.taken(by: 300, at: self.later(2)) == nil)
        #expect(limit.keysRemembered == 10)
    }

    @Test
    func `who has taken most is forgotten last`() {
        var limit = self.limit(1, maximumKeys: 100)
        for _ in 0..<10 { _ = limit.taken(by: 0, at: self.start) }
        for key in 1..<1000 { _ = limit.taken(by: key, at: self.start) }
        #expect(limit.keysRemembered <= 100)
        #expect(limit.taken(by: 0, at: self.start) != nil)
    }
}
