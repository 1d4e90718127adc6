/// When the socket is read again, while notifications come one by one.
///
/// Each read that brings something wakes three threads behind this one. Thousands of them a second, with one
/// notification each, take the processor from PostgreSQL, which then notifies less. So while notifications come that
/// fast, the socket is left alone for a moment after a read that brought few, and the next one brings several. Nothing
/// waits at a lower rate, nor after a read that brought many, as PostgreSQL may wait for room in the socket then.
package struct ReadPace: Sendable {
    /// How long a notification may wait so. Each thread that is woken costs some ten microseconds: with one waking in a
    /// millisecond they take a few percent of a core.
    package static let moment = Duration.milliseconds(1)
    /// Notifications a second from which on a moment brings several.
    package static let fast = 2_000
    /// Over which notifications are counted: long enough not to see a single transaction as a rate.
    package static let window = Duration.milliseconds(50)
    /// A read that brings so many is worth its threads. libpq reads some 16 KiB at once, about seventy notifications of
    /// 200 bytes.
    package static let many = 16

    private let fast: Int
    private var windowBegan: ContinuousClock.Instant?
    private var inWindow = 0
    private var isFast = false

    package init(fast: Int = Self.fast) {
        self.fast = fast
    }

    /// A read has brought notifications.
    /// - Returns: until when to leave the socket alone, if so.
    package mutating func read(_ notifications: Int, at now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        guard notifications > 0 else { return nil }
        let elapsed = self.windowBegan.map { $0.duration(to: now) } ?? Self.window * 2
        if elapsed >= Self.window {
            let isOneWindow = elapsed < Self.window * 2
            self.isFast = isOneWindow && Double(self.inWindow) >= Double(self.fast) * (elapsed / .seconds(1))
            self.windowBegan = now
            self.inWindow = 0
        }
        self.inWindow += notifications
        return self.isFast && notifications < Self.many ? now + Self.moment : nil
    }
}
