/// Which channels are recorded, who uses them, and whether a request for one is let in.
///
/// LISTEN has no wildcard: a channel is recorded from start-up if `Channels` names it, else from the first request on.
package struct ChannelRegistry: Sendable {
    private struct Channel {
        /// Named in the configuration, so never idle.
        var isNamed: Bool
        /// The newest id when PostgreSQL was heard to listen; nil while it doesn't.
        var listeningFrom: EventID?
        var subscribers: Int
        var used: Timestamp
    }

    private var channels: [ChannelName: Channel] = [:]
    private let allowed: [ChannelGlob]
    private let maximumChannels: Int
    private let idleAfter: Duration

    /// - Parameters:
    ///   - allowed: a channel that none of them matches is refused.
    ///   - maximumChannels: recorded at a time; a request for one more is refused.
    ///   - idleAfter: a channel not named in `allowed` is given up after so long without subscriber and event.
    package init(allowed: [ChannelGlob], maximumChannels: Int, idleAfter: Duration) {
        self.allowed = allowed
        self.maximumChannels = maximumChannels
        self.idleAfter = idleAfter
    }

    package func isAllowed(_ channel: ChannelName) -> Bool {
        self.allowed.contains { $0.matches(channel) }
    }

    /// Takes up the channels that are named, and those recorded earlier that are still allowed.
    /// - Returns: all channels to listen to, by name.
    package mutating func started(recorded: [ChannelName], at now: Timestamp) -> [ChannelName] {
        func channel(isNamed: Bool) -> Channel {
            Channel(isNamed: isNamed, subscribers: 0, used: now)
        }
        for name in self.allowed.compactMap(\.literal) { self.channels[name] = channel(isNamed: true) }
        for name in recorded where self.channels[name] == nil {
            guard self.isAllowed(name), self.channels.count < self.maximumChannels else { continue }
            self.channels[name] = channel(isNamed: false)
        }
        return self.names
    }

    package enum RequestAction: Equatable {
        /// The channel is being listened to.
        case ready
        /// Ask the source for it, if `isNew`, and wait until it listens.
        case wait(isNew: Bool)
        case refuse(ChannelRefusal)
    }

    /// A subscriber comes. Unless it is refused it counts until `subscriberLeft`.
    package mutating func subscriberCame(to name: ChannelName, at now: Timestamp) -> RequestAction {
        guard self.isAllowed(name) else { return .refuse(.notAllowed(name)) }
        if self.channels[name] == nil {
            guard self.channels.count < self.maximumChannels else {
                return .refuse(.tooManyChannels(limit: self.maximumChannels))
            }
            self.channels[name] = Channel(isNamed: false, subscribers: 1, used: now)
            return .wait(isNew: true)
        }
        self.channels[name]?.subscribers += 1
        self.channels[name]?.used = now
        return self.channels[name]?.listeningFrom == nil ? .wait(isNew: false) : .ready
    }

    /// The same, for a subscriber that can be let in without asking anybody: `head`, the newest id that its event loop
    /// has fanned out, lies behind the beginning of the recording.
    /// - Returns: whether it was. If not, it does not count.
    package mutating func subscriberCameAtOnce(to name: ChannelName, head: EventID, at now: Timestamp) -> Bool {
        guard self.isAllowed(name), let from = self.channels[name]?.listeningFrom, from <= head else { return false }
        self.channels[name]?.subscribers += 1
        self.channels[name]?.used = now
        return true
    }

    package mutating func subscriberLeft(_ name: ChannelName, at now: Timestamp) {
        self.channels[name]?.subscribers -= 1
        self.channels[name]?.used = now
    }

    /// - Parameter last: the newest id of the log.
    package mutating func listening(to name: ChannelName, from last: EventID) {
        self.channels[name]?.listeningFrom = last
    }

    /// The source can't listen to it: those who wait are refused, and it is forgotten.
    package mutating func refused(_ name: ChannelName) {
        self.channels[name] = nil
    }

    package mutating func disconnected() {
        for name in self.channels.keys { self.channels[name]?.listeningFrom = nil }
    }

    package mutating func received(on name: ChannelName, at now: Timestamp) {
        self.channels[name]?.used = now
    }

    /// The channels that are given up now for idleness. A request for one of them starts it anew.
    package mutating func takeIdle(at now: Timestamp) -> [ChannelName] {
        let idle = self.channels.filter { _, channel in
            !channel.isNamed && channel.subscribers == 0 && channel.used.advanced(by: self.idleAfter) < now
        }
        for name in idle.keys { self.channels[name] = nil }
        return idle.keys.sorted()
    }

    /// Whether it was asked for and the source has neither said that it listens to it nor that it can't.
    package func awaitsListening(_ name: ChannelName) -> Bool {
        self.channels[name].map { $0.listeningFrom == nil } ?? false
    }

    package func isRecorded(_ name: ChannelName) -> Bool { self.channels[name] != nil }

    /// The channels that are recorded or will be as soon as PostgreSQL is there, by name.
    package var names: [ChannelName] { self.unsortedNames.sorted() }
    package var unsortedNames: [ChannelName] { Array(self.channels.keys) }
    package var subscribers: [ChannelName: Int] { self.channels.mapValues(\.subscribers) }
    package var count: Int { self.channels.count }
}

/// Why a request for a channel is refused.
package enum ChannelRefusal: Error, Equatable, Sendable {
    case notAllowed(ChannelName)
    case tooManyChannels(limit: Int)
    /// PostgreSQL refuses to listen to it.
    case impossible(ChannelName)
}

extension ChannelRefusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notAllowed(let channel):
            "requested channel '\(channel)' is not allowed"
        case .tooManyChannels(let limit):
            "\(limit) channels are recorded already, which is the limit (MaxChannels): use one of them, or try again later"
        case .impossible(let channel):
            "PostgreSQL can't listen to a channel named '\(channel)': its encoding may lack a character. Use another name"
        }
    }
}
