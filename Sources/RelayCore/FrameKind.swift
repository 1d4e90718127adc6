/// What a subscriber's messages look like.
package enum FrameKind: String, Sendable, Hashable, CaseIterable {
    /// The payload alone, as pg_eventserv sends it. Gaps can't be told.
    case raw
    /// A JSON object with id, channel and time.
    case enveloped
}
