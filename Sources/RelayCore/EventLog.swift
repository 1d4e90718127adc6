/// The bounded, ordered store of events, and the giver of ids.
///
/// An engine conforms to it (SQLite now), passes the contract suite, and nothing else in the relay changes.
/// Appends come from one place, the `Relay`; reads come from anywhere, at the same time.
package protocol EventLog: Sendable {
    /// What tells this log from others. Constant while it is open.
    var identity: LogIdentity { get }

    /// What it holds, without waiting for anything.
    var figures: LogFigures { get }

    /// Appends `writes` in one transaction: all of them, in this order, or none.
    ///
    /// It is a compare-and-swap on the newest id of the log: where that is not `last`, because somebody else appended,
    /// nothing is written. Events beyond the retention's limits are evicted in the same transaction, a bounded number at a time.
    /// - Throws: when the log can't be written now. Nothing was written then; the same call may be tried again.
    func append(_ writes: [LogWrite], expecting last: EventID) async throws -> AppendOutcome

    /// Gives `writes` their ids and keeps them in memory: for a log that can't be written now, so that what they say
    /// can be delivered all the same.
    ///
    /// What is set aside is written, under the ids it has, by the next `append` that works, before its own writes. The
    /// memory is bounded: where room is needed the oldest events are forgotten, and a gap of reason `unlogged` is
    /// written in their place. The batch's standing says what is written and what is kept.
    /// - Throws: when no more ids are reserved (a tick or an append reserves some), or there is no room. Nothing was set
    ///   aside then.
    func setAside(_ writes: [LogWrite], expecting last: EventID) async throws -> AppendOutcome

    /// The entries of the selected channels with ids in `after < id ≤ through`, oldest first.
    ///
    /// Never silently truncated: a page that ends early says where to go on, and a page whose beginning was evicted
    /// starts with a gap. Where the selection is one channel, this gap stands at its end, as if it were an event. Where it
    /// may be several, those of all channels come first, at the cursor (their id is `after`): events of the others may lie
    /// within their ranges, and whoever gets no further than one of them must be told again. Only the last stands behind
    /// the cursor, as far as nothing lies before it. A gap that concerns all the channels has none, and so has what was
    /// evicted of channels that the log has forgotten, or of more than a selection can name. Floors and rows are read from
    /// one snapshot. A gap that says only where the recording of the channel began (`unrecorded` after 0) is left out of a
    /// page after the cursor 0, which claims nothing about the time before; it may stand on a page that follows.
    /// - Parameter limit: entries at the most, what was evicted of several channels aside; the page may be shorter,
    ///   since its bytes are bounded too.
    func read(_ selection: ChannelSelection, after: EventID, through: EventID, limit: Int) async throws -> LogPage

    /// A window of channels for people and programs that look back, and their positions. Gaps are told as by `read`.
    func history(_ query: HistoryQuery) async throws -> HistoryPage

    /// The channels that are recorded and what the log holds of each. Counting takes long in a large log, so what was
    /// counted is given again for some seconds, or longer where it took longer.
    func census() async throws -> ChannelCensus

    /// Upkeep that is due with or without events: evicts what is too old, reserves ids, verifies that the file is
    /// there. To be called each second.
    /// - Returns: what had to be mended, if anything.
    @discardableResult
    func tick() async throws -> LogRepair?

    /// The channels that were being recorded when the log was last open, or are now.
    func recordedChannels() async throws -> [ChannelName]

    /// Stops cleanly: what was appended is on disk, and the next start goes on with the next id.
    /// - Throws: when that is not possible, or what was set aside can't be written. It is closed all the same.
    func close() async throws
}

package enum AppendOutcome: Sendable {
    case appended(AppendedBatch)
    /// The newest id of the log is this one and not the expected one; nothing was written.
    case conflict(last: EventID)
}

package enum LogRepair: String, Sendable {
    /// The file was deleted or moved away while it was open; all of it is in its place again.
    case putBack
}
