/// What `/metrics` shows.
package protocol MetricsExposition: Sendable {
    var contentType: String { get }

    /// All metrics as they are now. It may take some milliseconds.
    func text() -> String
}
