import Foundation
import RelayCore
import RelaySQLite
import RelayTestSupport
import Testing

/// The bound of bytes is the size of the file.
struct RingLogSizeTests {
    private func fileBytes(_ engine: RingLogEngine) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: engine.path)
        return attributes[.size] as? Int ?? -1
    }

    private func bytes(_ count: Int) -> Retention {
        var retention = Retention.roomy
        retention.maximumBytes = Int64(count)
        return retention
    }

    @Test(arguments: [40, 900, 20_000])
    func `the file stays at its limit over several turnovers`(payloadBytes: Int) async throws {
        let limit = 2 << 20
        let engine = try RingLogEngine()
        let test = try await LogUnderTest(engine, self.bytes(limit))
        let payload = String(repeating: "x", count: payloadBytes)
        var sizes: [Int64] = []
        for _ in 0..<5 {
            for _ in 0..<10 {
                let batch = limit / 10 / (payloadBytes + 64)
                try await test.append((0..<batch).map { _ in .event("a", payload) })
            }
            sizes.append((try PlainSQLite(engine.path).integer("PRAGMA page_count") ?? 0) * 4096)
        }
        // A batch is inserted before the oldest is evicted.
        let slack = Int64(limit / 4)
        #expect(sizes.allSatisfy { $0 <= Int64(limit) + slack }, "\(sizes)")
        #expect(sizes.last ?? 0 >= Int64(limit) / 2, "\(sizes)")
        #expect(sizes[4] <= sizes[2] + 65_536, "\(sizes)")
        try await test.log.close()
        #expect(try self.fileBytes(engine) <= limit + Int(slack))
        #expect(!FileManager.default.fileExists(atPath: engine.path + "-wal"), "one file is left")
    }

    @Test func `a lower limit shrinks the file with the next ticks`() async throws {
        let engine = try RingLogEngine()
        let large = try await LogUnderTest(engine, self.bytes(8 << 20))
        let payload = String(repeating: "x", count: 10_000)
        for _ in 0..<10 { try await large.append((0..<60).map { _ in .event("a", payload) }) }
        try await large.log.close()
        large.drop()
        #expect(try self.fileBytes(engine) > 5 << 20)

        let small = try await LogUnderTest(engine, self.bytes(1 << 20), clock: large.clock)
        try await small.append(.event("a", payload))
        for _ in 0..<10 { try await small.log.tick() }
        try await small.log.close()
        #expect(try self.fileBytes(engine) <= 1 << 20)
    }
}
