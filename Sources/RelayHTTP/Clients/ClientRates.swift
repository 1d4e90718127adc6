import NIOHTTP1
import RelayCore

/// How often one address may ask for what costs something.
///
/// All limits count by `ClientAddress.network`. A limit that is off remembers nobody.
package struct ClientRates: Sendable {
    private let newChannels: Rate?
    private let upgrades: Rate?
    private let history: Rate?

    /// Addresses that a limit remembers at the most, some 1 MB.
    package static let maximumAddresses = 10_000
    /// Whose share may come at once after a pause. A page that opens some connections, or clients behind one router that
    /// come back together, are not to be told to wait.
    package static let burst = Duration.seconds(10)

    init(_ limits: ClientLimits) {
        self.newChannels = limits.newChannelsPerMinute.map { Rate($0, each: .seconds(60), burst: .seconds(60)) }
        self.upgrades = limits.upgradesPerSecond.map { Rate($0, each: .seconds(1), burst: Self.burst) }
        self.history = limits.historyRequestsPerSecond.map { Rate($0, each: .seconds(1), burst: Self.burst) }
    }

    private struct Rate: Sendable {
        let count: Int
        private let limits: Sharded<ClientAddress.Network, RateLimit<ClientAddress.Network>>

        init(_ count: Int, each period: Duration, burst: Duration) {
            self.count = count
            self.limits = Sharded { parts in
                RateLimit(count, each: period, burst: burst, maximumKeys: ClientRates.maximumAddresses / parts)
            }
        }

        /// - Returns: how long to wait, in whole seconds, if it may not be now.
        func wait(for address: ClientAddress, at now: ContinuousClock.Instant) -> Int64? {
            let network = address.network
            return self.limits.withTable(of: network) { $0.taken(by: network, at: now) }.map { wait in
                wait.components.seconds + (wait.components.attoseconds > 0 ? 1 : 0)
            }
        }
    }

    var limitsNewChannels: Bool { self.newChannels != nil }

    /// A channel that is not recorded is asked for.
    func newChannelRequested(from address: ClientAddress, at now: ContinuousClock.Instant) throws(Problem) {
        guard let rate = self.newChannels, let wait = rate.wait(for: address, at: now) else { return }
        throw Self.problem(
            """
            one address may request at most \(rate.count) new channels per minute (NewChannelsPerMinute): \
            use one that is recorded, or try again later
            """,
            wait
        )
    }

    func upgradeRequested(from address: ClientAddress, at now: ContinuousClock.Instant) throws(Problem) {
        guard let rate = self.upgrades, let wait = rate.wait(for: address, at: now) else { return }
        throw Self.problem(
            """
            one address may send at most \(rate.count) requests to /listen per second on average \
            (UpgradesPerSecond): try again later
            """,
            wait
        )
    }

    func historyRequested(from address: ClientAddress, at now: ContinuousClock.Instant) throws(Problem) {
        guard let rate = self.history, let wait = rate.wait(for: address, at: now) else { return }
        throw Self.problem(
            """
            one address may send at most \(rate.count) requests for history per second on average \
            (HistoryRequestsPerSecond): request larger pages, or try again later
            """,
            wait
        )
    }

    private static func problem(_ detail: String, _ wait: Int64) -> Problem {
        Problem(.tooManyRequests, detail, cause: .limitRate, headers: ["Retry-After": "\(wait)"])
    }
}
