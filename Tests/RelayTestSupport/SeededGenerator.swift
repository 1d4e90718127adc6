/// SplitMix64 (https://prng.di.unimi.it/splitmix64.c): the same numbers for the same seed, everywhere.
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) {
        self.state = seed
    }

    package mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// The seeds of a property test: some that are always the same, and new ones in each run. As a test's arguments
    /// they are shown when it fails; put such a seed first in this list to see the failure again.
    package static func seeds(fixed: Int, new: Int) -> [UInt64] {
        (1...UInt64(fixed)).map(\.self) + (0..<new).map { _ in UInt64.random(in: 1000 ... .max) }
    }
}
