import Foundation
import RelayTestSupport

/// How long, how much and which faults.
struct SoakPlan: Sendable {
    enum Length: Sendable {
        case time(Duration)
        case faults(Int)
    }

    var name: String
    var seed: UInt64
    var length: Length
    var faults: [SoakFault]
    /// Between two faults of one lane, in milliseconds.
    var pause: ClosedRange<Int>
    /// Seconds that a longer fault takes at the most.
    var longest: Double
    var traffic: SoakTraffic
    /// Of all publishers together.
    var eventsPerSecond: Int
    var clients: Int
    /// What the log keeps: less than is published in a long soak, so that it evicts.
    var retainedEvents: Int

    /// Milliseconds for which clients go away.
    var longestAbsence: Int

    /// Moderate, so that a test built for debugging keeps up with what tens of clients get.
    static func long(minutes: Int, seed: UInt64) -> SoakPlan {
        SoakPlan(
            name: "soak",
            seed: seed,
            length: .time(.seconds(60 * minutes)),
            faults: SoakFault.allCases,
            pause: 1_000...6_000,
            longest: 5,
            traffic: SoakTraffic(channels: 4, publishers: 3),
            eventsPerSecond: 600,
            clients: 48,
            retainedEvents: 40_000,
            longestAbsence: 90_000
        )
    }

    static func short(seed: UInt64) -> SoakPlan {
        SoakPlan(
            name: "short soak",
            seed: seed,
            length: .time(.seconds(15)),
            faults: SoakFault.allCases,
            pause: 200...800,
            longest: 1,
            traffic: SoakTraffic(channels: 2, publishers: 2),
            eventsPerSecond: 300,
            clients: 16,
            retainedEvents: 2_000,
            longestAbsence: 9_000
        )
    }

    static func kills(_ times: Int, seed: UInt64) -> SoakPlan {
        SoakPlan(
            name: "kill loop",
            seed: seed,
            length: .faults(times),
            faults: [.relayKilled],
            pause: 0...250,
            longest: 1,
            traffic: SoakTraffic(channels: 2, publishers: 3),
            eventsPerSecond: 1_500,
            clients: 12,
            retainedEvents: 1_000_000,
            longestAbsence: 1_000
        )
    }
}
