import RelayCore

/// The live subscribers of one event loop, by what they want: those who want the same share one list and are found
/// together.
struct LiveSubscribers {
    /// Those with one selection.
    final class Group {
        let selection: ChannelSelection
        fileprivate(set) var subscribers = PerFrameKind<[Subscriber]> { _ in [] }
        /// The newest batch that it was found for: one that has several of a batch's channels is found once.
        fileprivate var found: EventID?

        fileprivate init(_ selection: ChannelSelection) {
            self.selection = selection
        }

        fileprivate var isEmpty: Bool { FrameKind.allCases.allSatisfy { self.subscribers[$0].isEmpty } }
    }

    private var groups: [ChannelSelection: Group] = [:]
    /// Those that name a channel.
    private var naming: [ChannelName: [ObjectIdentifier: Group]] = [:]
    /// Those with patterns.
    private var seeking: [ObjectIdentifier: Group] = [:]
    /// Those of them that find a channel, as far as a batch had it since the last of them came or went: each pattern is
    /// compared with a name once, not once for each batch.
    private var finding: [ChannelName: [Group]] = [:] { didSet { if self.finding.isEmpty { self.found = 0 } } }
    /// How many names and groups are in there.
    private var found = 0

    /// Beyond so many all are looked for anew; each takes some 8 bytes or, as a name, some 100.
    private static let maximumFinding = 100_000

    /// Whom a batch concerns.
    mutating func groups(for frames: FrameBatch) -> [Group] {
        guard let channels = frames.channels else { return Array(self.groups.values) }
        // Nearly always.
        if channels.count == 1, self.seeking.isEmpty { return Array(self.naming[channels[0], default: [:]].values) }
        var found: [Group] = []
        func take(_ group: Group) {
            if group.found == frames.batch.last { return }
            group.found = frames.batch.last
            found.append(group)
        }
        for channel in channels { self.naming[channel]?.values.forEach(take) }
        if self.seeking.isEmpty { return found }
        for channel in channels { self.finders(of: channel).forEach(take) }
        return found
    }

    private mutating func finders(of channel: ChannelName) -> [Group] {
        if let groups = self.finding[channel] { return groups }
        let groups = self.seeking.values.filter { $0.selection.finds(channel) }
        if self.found >= Self.maximumFinding { self.finding = [:] }
        self.finding[channel] = groups
        self.found += 1 + groups.count
        return groups
    }

    mutating func add(_ subscriber: Subscriber) {
        let group = self.groups[subscriber.selection] ?? self.makeGroup(subscriber.selection)
        subscriber.liveIndex = group.subscribers[subscriber.kind].count
        group.subscribers[subscriber.kind].append(subscriber)
    }

    private mutating func makeGroup(_ selection: ChannelSelection) -> Group {
        let group = Group(selection)
        self.groups[selection] = group
        for name in selection.names { self.naming[name, default: [:]][ObjectIdentifier(group)] = group }
        if !selection.patterns.isEmpty {
            self.seeking[ObjectIdentifier(group)] = group
            self.finding = [:]
        }
        return group
    }

    /// The last one of the list takes its place.
    mutating func remove(_ subscriber: Subscriber) {
        guard let index = subscriber.liveIndex, let group = self.groups[subscriber.selection],
            let last = group.subscribers[subscriber.kind].popLast()
        else { return }
        subscriber.liveIndex = nil
        if last !== subscriber {
            group.subscribers[subscriber.kind][index] = last
            last.liveIndex = index
        } else if group.isEmpty {
            self.forget(group)
        }
    }

    private mutating func forget(_ group: Group) {
        self.groups[group.selection] = nil
        for name in group.selection.names {
            self.naming[name]?[ObjectIdentifier(group)] = nil
            if self.naming[name]?.isEmpty == true { self.naming[name] = nil }
        }
        if self.seeking.removeValue(forKey: ObjectIdentifier(group)) != nil { self.finding = [:] }
    }
}
