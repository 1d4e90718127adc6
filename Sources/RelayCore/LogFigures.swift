/// The log in figures, as they were when somebody last looked: with each tick.
package struct LogFigures: Sendable, Equatable {
    package var events = 0
    /// Of the file, as `ls` shows it, and of the write-ahead log beside it.
    package var bytes: Int64 = 0
    package var walBytes: Int64 = 0
    /// When the oldest event was received; nil if there is none.
    package var oldest: Timestamp?
    /// Delivered, kept in memory and not written yet.
    package var setAsideEvents = 0
    package var setAsideBytes = 0

    package init() {}
}
