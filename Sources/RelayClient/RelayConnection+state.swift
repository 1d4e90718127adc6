extension RelayConnection {
    /// What a connection is doing.
    public enum State: Sendable {
        /// Nobody has asked for a message or another channel yet, so nothing is opened.
        case idle
        /// A connection is being opened.
        case connecting
        /// It is open, and what was missed comes.
        case replaying
        case live
        /// It was lost, or could not be had; the next one is opened after this time.
        case waiting(Duration, because: any Error)
        /// The relay refuses what is asked for, and would again. The end.
        case refused(Refused)
        /// By `close()`, or by the end of the task that took the messages. The end.
        case closed
    }
}
