import RelayCore

/// The file at the log's path is not the one that is open: another took its place.
package struct RingLogMoved: Error, Equatable, CustomStringConvertible {
    package let path: String

    package var description: String {
        """
        the log '\(self.path)' was replaced by another file while it was in use. Move that file away: the log is then \
        put back in its place. What is appended until then is lost when the relay stops
        """
    }
}

/// The write-ahead log can't be emptied, since another program reads the log in one long transaction.
package struct RingLogHeldOpen: Error, Equatable, CustomStringConvertible {
    package let path: String

    package var description: String {
        """
        the file '\(self.path)-wal' has grown to its limit, because another program keeps a read transaction open: end \
        it. Until then nothing is written to the log
        """
    }
}

/// SQLite took a channel's row and has none.
struct ChannelNotInserted: Error, CustomStringConvertible {
    let channel: ChannelName

    var description: String {
        "the channel '\(self.channel)' can't be written to the log: a trigger somebody added skips it. Drop the trigger"
    }
}

/// The ids that were reserved before the log could no longer be written are used up.
struct NoMoreIDs: Error, CustomStringConvertible {
    let description = "all reserved ids have been used"
}
