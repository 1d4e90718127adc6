import RelayCore
import RelayTestSupport
import Testing

struct RetentionTests {
    @Test(
        arguments: [
            (0, 10, 0), (10, 10, 0), (11, 10, 1), (63, 63, 0), (64, 63, 1),
            (64, 64, 0), (65, 64, 2),  // down to 63
            (1_000_000, 1_000_000, 0), (1_000_001, 1_000_000, 15_626),  // down to 984,375
            (5_000, 64, 4_937),
        ]
    )
    func `a limit that is exceeded is trimmed down to 63 of its 64 parts`(count: Int, limit: Int, surplus: Int) {
        #expect(Retention.surplus(of: count, over: limit) == surplus)
    }

    @Test func `what is left after a trim is within the limit and not much below it`() {
        for limit in 1...300 {
            for count in (limit + 1)...(limit + 3) {
                let left = count - Retention.surplus(of: count, over: limit)
                #expect(left <= limit && left >= limit - limit / 64)
            }
        }
    }
}
