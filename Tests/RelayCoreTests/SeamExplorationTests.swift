import RelayCore
import Testing

/// The seam between replay, tail and live delivery: nothing is left out, nothing comes twice.
struct SeamExplorationTests {
    /// A log of three entries, of which none, one or all are gone, and a subscriber at each place of it.
    static let beginnings: [(evicted: Int64, cursor: Int64)] = [(0, 0), (0, 2), (0, 3), (1, 0), (1, 1), (3, 1), (3, 3)]

    private static let depth = 9

    @Test(arguments: beginnings)
    func `whatever happens in whatever order, each entry is sent once, in order, or told as gone`(
        evicted: Int64,
        cursor: Int64
    ) throws {
        let beginning = try SeamWorld(head: 3, evictedThrough: evicted, cursor: cursor)
        var known = Set([AnyHashable(beginning.identity)])
        var frontier: [(world: SeamWorld, way: [SeamWorld.Step])] = [(beginning, [])]
        for _ in 0..<Self.depth {
            var next: [(SeamWorld, [SeamWorld.Step])] = []
            for (world, way) in frontier {
                for step in SeamWorld.Step.allCases where world.isPossible(step) {
                    let (after, way) = try self.taking(step, way, in: world)
                    if known.insert(AnyHashable(after.identity)).inserted { next.append((after, way)) }
                }
            }
            frontier = next
        }
        #expect(known.count > 5_000)
    }

    /// Takes a step, and lets a copy of the world settle afterwards.
    private func taking(
        _ step: SeamWorld.Step,
        _ way: [SeamWorld.Step],
        in world: SeamWorld
    ) throws -> (SeamWorld, [SeamWorld.Step]) {
        var (after, way) = (world, way)
        way.append(step)
        do {
            try after.take(step)
            var settled = after
            try settled.settle()
        } catch let broken as SeamWorld.Broken {
            Issue.record("\(broken.what): \(way)")
            throw broken
        }
        return (after, way)
    }
}
