import Foundation

/// How large the random tests are, and from which seed: EVENTRELAY_TEST_SIZE multiplies, EVENTRELAY_TEST_SEED repeats.
package enum RandomTests {
    package static let size = Int(ProcessInfo.processInfo.environment["EVENTRELAY_TEST_SIZE"] ?? "") ?? 1

    package static func generator(_ test: String) -> SeededGenerator {
        SeededGenerator(seed: self.seed(test))
    }

    package static func seed(_ test: String) -> UInt64 {
        let given = UInt64(ProcessInfo.processInfo.environment["EVENTRELAY_TEST_SEED"] ?? "")
        let seed = given ?? UInt64.random(in: 0..<1_000_000)
        print("\(test): EVENTRELAY_TEST_SEED=\(seed)")
        return seed
    }
}
