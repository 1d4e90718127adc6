import RelayCore

/// Which channels are recorded, as far as ids were given: what is set aside counts.
struct Recordings {
    private struct Channel {
        var isRecording: Bool
        /// The newest id when it was last given up, 0 if it never was.
        var until: EventID
    }

    private var channels: [ChannelName: Channel] = [:]

    init() {}

    mutating func found(_ channel: ChannelName, isRecording: Bool, until: EventID) {
        self.channels[channel] = Channel(isRecording: isRecording, until: until)
    }

    /// - Returns: until when it was recorded before, 0 if never; nil if it is being recorded.
    mutating func start(_ channel: ChannelName) -> EventID? {
        let before = self.channels[channel] ?? Channel(isRecording: false, until: .zero)
        if before.isRecording { return nil }
        self.channels[channel] = Channel(isRecording: true, until: before.until)
        return before.until
    }

    /// - Returns: whether it was being recorded.
    mutating func stop(_ channel: ChannelName, at last: EventID) -> Bool {
        guard self.channels[channel]?.isRecording == true else { return false }
        self.channels[channel] = Channel(isRecording: false, until: last)
        return true
    }

    mutating func forget(_ channel: ChannelName) {
        self.channels[channel] = nil
    }

    var current: [ChannelName] {
        self.channels.filter(\.value.isRecording).keys.sorted()
    }
}
