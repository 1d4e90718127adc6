import RelayCore
import RelayTestSupport

/// What a relay might append: events of channels that are recorded, and all kinds of gaps.
struct RandomAppends {
    static let channels: [ChannelName] = ["a", "b", "c"]

    private var random: SeededGenerator
    private var recorded: Set<ChannelName> = []
    private var number = 0

    init(seed: UInt64) {
        self.random = SeededGenerator(seed: seed)
    }

    /// - Parameter largest: bytes of a payload.
    mutating func next(largest: Int = 100) -> [LogWrite] {
        (0..<Int.random(in: 1...8, using: &self.random)).map { _ in self.write(largest: largest) }
    }

    private mutating func write(largest: Int) -> LogWrite {
        let channel = Self.channels.randomElement(using: &self.random) ?? "a"
        switch Int.random(in: 0..<20, using: &self.random) {
        case 0:
            return .gap(
                [.disconnected, .restarted, .unlogged].randomElement(using: &self.random) ?? .unlogged,
                after: nil
            )
        case 1 where self.recorded.remove(channel) != nil: return .recordingStopped(channel)
        case _ where self.recorded.insert(channel).inserted: return .recordingStarted(channel)
        case 2: return .recordingStarted(channel)
        default:
            self.number += 1
            // Most payloads are small, a few are large.
            let size = Int.random(in: 0..<10, using: &self.random) == 0 ? largest : largest / 20
            let padding = String(repeating: "x", count: Int.random(in: 0...size, using: &self.random))
            return .event(channel, "\(self.number) \(padding)")
        }
    }
}
