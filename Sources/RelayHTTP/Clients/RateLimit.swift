/// How often each key may come: so many in a period, and as many at once as a longer time would give.
///
/// A bucket of tokens that fills steadily, kept as the one point in time at which it will be full again. Who is at rest
/// has a full one, and needs not be remembered.
package struct RateLimit<Key: Hashable & Sendable>: Sendable {
    /// Between two that come steadily.
    private let interval: Duration
    /// How far ahead of now the time may lie at which a bucket is full, for one more to be taken out of it.
    private let tolerance: Duration
    /// Keys remembered at the most. Where there are more, those whose buckets are fullest are forgotten first, which
    /// gives each of them less than one who begins anew would get.
    private let maximumKeys: Int
    private var fullAt: [Key: ContinuousClock.Instant] = [:]

    /// - Parameters:
    ///   - count: how many, at least 1.
    ///   - period: in how long.
    ///   - burst: the time whose share may come at once, not less than the period.
    package init(_ count: Int, each period: Duration, burst: Duration, maximumKeys: Int) {
        self.interval = period / count
        self.tolerance = burst - self.interval
        self.maximumKeys = maximumKeys
    }

    package var keysRemembered: Int { self.fullAt.count }

    /// One comes.
    /// - Returns: how long to wait, if it may not now; that is not counted.
    package mutating func taken(by key: Key, at now: ContinuousClock.Instant) -> Duration? {
        let known = self.fullAt[key]
        let fullAt = max(known ?? now, now)
        let ahead = now.duration(to: fullAt)
        if ahead > self.tolerance { return ahead - self.tolerance }
        if known == nil, self.fullAt.count >= self.maximumKeys { self.forget(at: now) }
        self.fullAt[key] = fullAt.advanced(by: self.interval)
        return nil
    }

    /// Those with full buckets; if they are too few, as many of the fullest as make up a tenth of all, so that a look at
    /// all of them comes once for many new ones.
    private mutating func forget(at now: ContinuousClock.Instant) {
        self.fullAt = self.fullAt.filter { $0.value > now }
        let surplus = self.fullAt.count - self.maximumKeys * 9 / 10
        guard surplus > 0 else { return }
        for (key, _) in self.fullAt.sorted(by: { $0.value < $1.value }).prefix(surplus) { self.fullAt[key] = nil }
    }
}
