/// How many channels clients of one address may bring to be recorded within a minute (`NewChannelsPerMinute`).
///
/// `MaxChannels` bounds what there is; this keeps one client from using it up for all.
package struct NewChannelLimit: Sendable {
    /// Addresses remembered at the most, some 1 MB. Who has more than these is stopped by `MaxChannels` only.
    package static let maximumAddresses = 10_000
    package static let window = Duration.seconds(60)

    private struct Count {
        let began: ContinuousClock.Instant
        var channels: Int
    }

    private let perMinute: Int
    private var counts: [ClientAddress: Count] = [:]

    package init(perMinute: Int) {
        self.perMinute = perMinute
    }

    package var addressesRemembered: Int { self.counts.count }

    /// A client wants a channel that is not recorded.
    /// - Returns: how long to wait, if it may not have it now.
    package mutating func requested(
        from address: ClientAddress,
        at now: ContinuousClock.Instant
    ) -> Duration? {
        if let count = self.counts[address], count.began.duration(to: now) < Self.window {
            if count.channels >= self.perMinute { return Self.window - count.began.duration(to: now) }
            self.counts[address]?.channels += 1
            return nil
        }
        if self.counts.count >= Self.maximumAddresses { self.forget(at: now) }
        self.counts[address] = Count(began: now, channels: 1)
        return nil
    }

    /// Those whose minute is over; if there are too few, as many of the oldest as make up a tenth of all, so that a look
    /// at all of them comes once for a thousand new ones.
    private mutating func forget(at now: ContinuousClock.Instant) {
        self.counts = self.counts.filter { $0.value.began.duration(to: now) < Self.window }
        let surplus = self.counts.count - Self.maximumAddresses * 9 / 10
        guard surplus > 0 else { return }
        for (address, _) in self.counts.sorted(by: { $0.value.began < $1.value.began }).prefix(surplus) {
            self.counts[address] = nil
        }
    }
}
