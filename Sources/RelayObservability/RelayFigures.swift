package import RelayCore

/// The state of the relay in figures: what is not counted as it happens, but looked at when somebody asks.
package struct RelayFigures: Sendable {
    package var status: RelayStatus
    package var log: LogFigures
    package var recordedChannels: Int
    /// Nil where the system doesn't tell.
    package var openDescriptors: Int?
    package var maximumDescriptors: Int
    package var accessLogLinesDropped: Int
    package var now: Timestamp

    package init(
        status: RelayStatus,
        log: LogFigures,
        recordedChannels: Int,
        openDescriptors: Int?,
        maximumDescriptors: Int,
        accessLogLinesDropped: Int,
        now: Timestamp
    ) {
        self.status = status
        self.log = log
        self.recordedChannels = recordedChannels
        self.openDescriptors = openDescriptors
        self.maximumDescriptors = maximumDescriptors
        self.accessLogLinesDropped = accessLogLinesDropped
        self.now = now
    }
}
