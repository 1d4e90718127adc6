/// What names a log and where it begins.
package struct LogIdentity: Sendable, Equatable {
    /// A random name given to the log at its creation.
    package let logID: String
    /// Every id of this log is greater.
    package let beginsAfter: EventID
    /// The newest id that anyone can have seen when the log was opened; the first append expects it.
    package let last: EventID
    /// The newest id found in the log when it was opened: after an unclean stop, ids between it and `last` may have
    /// been given to events that are lost.
    package let lastFound: EventID
    /// No relay ran on this log before.
    package let isNew: Bool
    /// The last stop was clean (or the log is new).
    package let wasClean: Bool

    package init(
        logID: String,
        beginsAfter: EventID,
        last: EventID,
        lastFound: EventID,
        isNew: Bool,
        wasClean: Bool
    ) {
        self.logID = logID
        self.beginsAfter = beginsAfter
        self.last = last
        self.lastFound = lastFound
        self.isNew = isNew
        self.wasClean = wasClean
    }
}
