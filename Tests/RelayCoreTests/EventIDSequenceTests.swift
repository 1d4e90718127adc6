import RelayCore
import RelayTestSupport
import Testing

struct EventIDSequenceTests {
    private let far: EventID = 9_000_000_000_000_000

    private func time(_ microseconds: Int64) -> Timestamp { Timestamp(microseconds: microseconds) }

    @Test(
        arguments: [
            ("forward", [100, 250, 251], [100, 250, 251]),
            ("standing still", [100, 100, 100], [100, 101, 102]),
            ("backward", [100, 50, 60], [100, 101, 102]),
            ("behind the last id at first, then past it", [5, 6, 300], [11, 12, 300]),
            ("exactly at the last id", [10, 11, 12], [11, 12, 13]),
        ] as [(String, [Int64], [Int64])]
    )
    func `ids follow the clock and never fall`(clock: String, times: [Int64], ids: [Int64]) {
        var sequence = EventIDSequence(last: 10, highWater: far)
        #expect(times.map { sequence.next(at: time($0)).rawValue } == ids)
        #expect(sequence.last.rawValue == ids.last)
    }

    @Test(
        arguments: [
            // last, high water, now, count → the mark that is needed
            (10, 1_000, 20, 1, nil),
            (10, 1_000, 989, 10, nil),  // 999: one below
            (10, 1_000, 990, 10, nil),  // 1000: just reached
            (10, 1_000, 991, 10, 10_000_991),  // 1001: one above
            (1_000, 1_000, 20, 1, 10_000_020),  // nothing is left; ten seconds from now are more than a million ids
            (50_000_000, 50_000_000, 20, 1, 51_000_000),  // ids ran ahead of the clock: a million from the last
            (10, 1_000, 20, 20_000_000, 20_000_020),  // more than is usually reserved
        ] as [(Int64, Int64, Int64, Int, Int64?)]
    )
    func `a mark is needed as soon as an id could pass the present one`(
        last: Int64,
        highWater: Int64,
        now: Int64,
        count: Int,
        mark: Int64?
    ) {
        let sequence = EventIDSequence(last: EventID(last), highWater: EventID(highWater))
        #expect(sequence.markNeeded(for: count, at: time(now))?.rawValue == mark)
    }

    @Test(arguments: SeededGenerator.seeds(fixed: 5, new: 5))
    func `a batch whose mark was reserved fits under it, whatever the clock does`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var sequence = EventIDSequence(last: 1_000, highWater: 1_000)
        var given: EventID = 1_000
        for _ in 0..<2_000 {
            let now = time(Int64.random(in: 0...20_000_000, using: &random))
            let count = Int.random(in: 1...5, using: &random)
            if let mark = sequence.markNeeded(for: count, at: now) {
                #expect(mark >= sequence.highWater)
                sequence.reserved(through: mark)
            }
            for _ in 0..<count {
                let id = sequence.next(at: now)
                #expect(given < id && id <= sequence.highWater)
                given = id
            }
        }
    }

    @Test func `the regular mark is ten seconds ahead and never falls`() {
        var sequence = EventIDSequence(last: 0, highWater: 0)
        #expect(sequence.mark(at: time(5_000_000)) == 15_000_000)
        sequence.reserved(through: 15_000_000)
        #expect(sequence.mark(at: time(1_000_000)) == 15_000_000)
    }
}
