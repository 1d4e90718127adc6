/// What came of one batch on one event loop.
package struct LoopDelivery: Sendable, Equatable {
    /// Each event once for each subscriber that was sent it.
    package private(set) var events = PerFrameKind { _ in 0 }
    package private(set) var bytes = PerFrameKind { _ in 0 }
    /// From the arrival of the batch's oldest notification until all were sent; nil where that is not known.
    package var lag: Duration?

    package init() {}

    /// Nobody was sent anything.
    package var isEmpty: Bool { FrameKind.allCases.allSatisfy { self.bytes[$0] == 0 } }

    package mutating func add(_ kind: FrameKind, events: Int, bytes: Int) {
        self.events[kind] += events
        self.bytes[kind] += bytes
    }
}
