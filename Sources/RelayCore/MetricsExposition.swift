/// What `/metrics` shows.
package protocol MetricsExposition: Sendable {
    var contentType: String { get }

    /// All metrics as they are now, or were a moment ago. It may take some milliseconds.
    func text(at now: ContinuousClock.Instant) -> String
}
