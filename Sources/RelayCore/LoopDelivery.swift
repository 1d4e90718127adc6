/// What came of one batch on one event loop.
package struct LoopDelivery: Sendable, Equatable {
    /// Each event once for each subscriber that was sent it.
    package var rawEvents = 0
    package var envelopedEvents = 0
    package var bytes = 0
    /// From the arrival of the batch's oldest notification until all were sent; nil where that is not known.
    package var lag: Duration?

    package init() {}

    package mutating func add(_ kind: FrameKind, events: Int, bytes: Int) {
        switch kind {
        case .raw: self.rawEvents += events
        case .enveloped: self.envelopedEvents += events
        }
        self.bytes += bytes
    }
}
