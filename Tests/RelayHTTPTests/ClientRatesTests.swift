import NIOHTTP1
import RelayCore
import Testing

@testable import RelayHTTP

struct ClientRatesTests {
    private let start = ContinuousClock.now

    @Test
    func `each limit counts for itself, by the network, and says when to come back`() throws {
        var limits = ClientLimits(clients: 1)
        (limits.newChannelsPerMinute, limits.upgradesPerSecond, limits.historyRequestsPerSecond) = (2, 3, 4)
        let rates = ClientRates(limits)
        let address = ClientAddress(ipAddress: "2001:db8::1")
        let neighbour = ClientAddress(ipAddress: "2001:db8::2")
        for _ in 0..<2 { try rates.newChannelRequested(from: address, at: self.start) }
        for _ in 0..<30 { try rates.upgradeRequested(from: address, at: self.start) }
        for _ in 0..<40 { try rates.historyRequested(from: address, at: self.start) }
        let channels = #expect(throws: Problem.self) { try rates.newChannelRequested(from: neighbour, at: self.start) }
        let upgrades = #expect(throws: Problem.self) { try rates.upgradeRequested(from: neighbour, at: self.start) }
        let history = #expect(throws: Problem.self) { try rates.historyRequested(from: neighbour, at: self.start) }
        for (problem, key, wait) in [
            (channels, "NewChannelsPerMinute", "30"), (upgrades, "UpgradesPerSecond", "1"),
            (history, "HistoryRequestsPerSecond", "1"),
        ] {
            #expect(problem?.status == .tooManyRequests && problem?.cause == .limitRate)
            #expect(problem?.detail.contains(key) == true && problem?.headers["Retry-After"] == [wait])
        }
        try rates.upgradeRequested(from: ClientAddress(ipAddress: "2001:db8:1::1"), at: self.start)
        try rates.newChannelRequested(from: neighbour, at: self.start.advanced(by: .seconds(30)))
    }

    @Test
    func `without limits nothing is counted`() throws {
        let rates = ClientRates(ClientLimits(clients: 1))
        for _ in 0..<1000 {
            try rates.newChannelRequested(from: ClientAddress(nil), at: self.start)
            try rates.upgradeRequested(from: ClientAddress(nil), at: self.start)
            try rates.historyRequested(from: ClientAddress(nil), at: self.start)
        }
    }
}
