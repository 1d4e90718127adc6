/// Who delivers appended batches to subscribers.
package protocol EventHub: Sendable {
    /// Hands the batch to every event loop. Batches come in the order of their ids, each after the one before it.
    /// What is submitted to an event loop after this call finds the batch already fanned out there.
    func publish(_ batch: AppendedBatch)

    /// What was set aside has been written: subscribers can read it from the log.
    func logStands(at standing: LogStanding)

    /// Returns when the event loops have at most a bounded number of batches before them, so that a publisher that is
    /// faster than the fan-out is held back by PostgreSQL and not kept in memory.
    func hasCaughtUp() async
}
