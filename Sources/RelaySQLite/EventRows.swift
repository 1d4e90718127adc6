import RelayCore

/// Events as they are read, their payloads in one piece of memory.
///
/// A page of them is made by one thread and let go of by another. Memory that goes that way is given back under the lock
/// of the thread that took it, so a piece for each event would cost as much as reading it.
struct EventRows {
    private struct Row {
        let id: EventID
        let channel: ChannelName
        let time: Timestamp
        let isValidUTF8: Bool
        /// Where its payload ends; it begins at the end of the one before it.
        let end: Int
    }

    private var rows: [Row] = []
    private var payloads: [UInt8] = []

    var count: Int { self.rows.count }

    var payloadBytes: Int { self.payloads.count }

    /// - Parameter row: has `EventMerge.columns` first.
    mutating func append(_ row: SQLiteStatement, of channel: ChannelName) {
        row.withBytes(2) { self.payloads.append(contentsOf: $0) }
        let id = row.id(0)
        self.rows.append(
            Row(
                id: id,
                channel: channel,
                time: Timestamp(microseconds: id.rawValue &- row.integer(1)),
                isValidUTF8: row.isText(2),
                end: self.payloads.count
            )
        )
    }

    /// In the order of `append`.
    func entries() -> [LogEntry] {
        var start = 0
        return self.rows.map { row in
            let payload = Payload(self.payloads[start..<row.end], isValidUTF8: row.isValidUTF8)
            start = row.end
            return .event(Event(id: row.id, channel: row.channel, time: row.time, payload: payload))
        }
    }
}
