import RelayCore
import RelayTestSupport
import Testing

struct QueueTests {
    @Test(arguments: SeededGenerator.seeds(fixed: 3, new: 10))
    func `it does what an array does`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var queue = Queue<Int>()
        var array: [Int] = []
        for number in 0..<1_000 {
            if Int.random(in: 0..<100, using: &random) < (number < 500 ? 60 : 40) {
                queue.append(number)
                array.append(number)
            } else {
                let taken = queue.popFirst()
                try #require(taken == (array.isEmpty ? nil : array.removeFirst()))
            }
            try #require(queue.count == array.count && queue.first == array.first && queue.isEmpty == array.isEmpty)
            let isEqual = array.indices.allSatisfy { queue[$0] == array[$0] }
            try #require(isEqual)
            let some = Int.random(in: 0...number, using: &random)
            let place = queue.place { $0 >= some }
            try #require(place == array.firstIndex { $0 >= some } ?? array.count)
        }
    }

    @Test func `what was taken is let go`() {
        final class Thing {}
        var queue = Queue<Thing>()
        weak var first: Thing?
        do {
            let thing = Thing()
            first = thing
            queue.append(thing)
        }
        for _ in 0..<3 { queue.append(Thing()) }
        #expect(first != nil)
        queue.popFirst()
        #expect(first == nil)
    }
}
