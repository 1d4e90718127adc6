/// The channels of a connection, and requests for others: one at a time is with the relay, which closes a connection that
/// has too many, and answers in order.
package struct ChannelRequests {
    package struct Request: Sendable, Equatable {
        package enum Kind: Sendable {
            case subscribe
            case unsubscribe
        }

        /// By which its caller is found.
        package let number: Int
        package let kind: Kind
        package let channels: [String]

        package init(number: Int, kind: Kind, channels: [String]) {
            self.number = number
            self.kind = kind
            self.channels = channels
        }
    }

    /// Whose callers wait.
    package static let maximumWaiting = 100
    /// Of a connection, and of one request (docs/protocol.md).
    package static let maximumChannels = 100
    /// PostgreSQL cuts longer names.
    package static let maximumNameBytes = 63

    /// For the names of all channels in the URL of the next connection.
    private let room: Int
    /// What the relay has taken: those to come back with.
    package private(set) var channels: [String]
    private var waiting: [Request] = []
    /// Whether the first of them is with the relay.
    private var isSent = false

    /// - Parameter room: bytes for the names of channels in a URL.
    package init(_ channels: [String], room: Int = RelayAddress.maximumTargetBytes) throws(InvalidArgument) {
        try Self.check(channels)
        self.channels = channels
        self.room = room
        try self.checkRoom(for: [])
    }

    /// Whether all could be named by who comes back: a URL that is too long would be refused for ever. What waits to be
    /// taken back is counted, as the relay may refuse it.
    private func checkRoom(for channels: [String]) throws(InvalidArgument) {
        var all = self.channels
        for request in self.waiting where request.kind == .subscribe { Self.add(request.channels, to: &all) }
        Self.add(channels, to: &all)
        let bytes = all.reduce(0) { $0 + RelayAddress.bytes(of: $1) }
        guard bytes <= self.room else {
            throw InvalidArgument(
                "the channels take \(bytes) bytes of a URL, which has \(self.room) for them: open another connection, or name a pattern"
            )
        }
    }

    private static func add(_ channels: [String], to all: inout [String]) {
        for channel in channels where !self.contains(all, channel) { all.append(channel) }
    }

    /// Whether an answer is waited for.
    package var isWaiting: Bool { !self.waiting.isEmpty }

    /// What the relay would refuse, or pass over without an answer.
    private static func check(_ channels: [String]) throws(InvalidArgument) {
        guard (1...self.maximumChannels).contains(channels.count) else {
            throw InvalidArgument("1 to \(self.maximumChannels) channels can be named, not \(channels.count)")
        }
        for channel in channels where channel.isEmpty || channel.utf8.count > self.maximumNameBytes {
            throw InvalidArgument("a channel's name has 1 to \(self.maximumNameBytes) bytes, but '\(channel)' does not")
        }
    }

    package mutating func add(_ request: Request) throws(InvalidArgument) {
        try Self.check(request.channels)
        if request.kind == .subscribe { try self.checkRoom(for: request.channels) }
        guard self.waiting.count < Self.maximumWaiting else {
            throw InvalidArgument("\(Self.maximumWaiting) changes of channels wait already: wait for their answers")
        }
        self.waiting.append(request)
    }

    package enum Step: Equatable {
        case send(Request)
        /// It would leave no channel, and with none nobody can come back.
        case reject(number: Int)
    }

    /// What to do with the next one, if it is its turn.
    package mutating func next() -> Step? {
        guard !self.isSent, let request = self.waiting.first else { return nil }
        if request.kind == .unsubscribe, self.channels.allSatisfy({ Self.contains(request.channels, $0) }) {
            self.waiting.removeFirst()
            return .reject(number: request.number)
        }
        self.isSent = true
        return .send(request)
    }

    /// Names are equal when their bytes are, as in PostgreSQL. Swift's String takes "é" and "e" with a combining accent for
    /// the same.
    private static func contains(_ channels: [String], _ channel: String) -> Bool {
        channels.contains { $0.utf8.elementsEqual(channel.utf8) }
    }

    /// What was sent will be sent again, to the next connection: whether it came to anything is not known, and asking
    /// twice does no harm.
    package mutating func connectionLost() {
        self.isSent = false
    }

    /// - Returns: the number of the request that is settled.
    /// - Throws: `Loss.unintelligible` if no such answer was to come.
    package mutating func answered(_ outcome: ChannelAnswer.Outcome) throws(Loss) -> Int {
        guard self.isSent, let request = self.waiting.first else { throw .unintelligible("an answer to nothing") }
        switch (outcome, request.kind) {
        case (.subscribed, .subscribe):
            Self.add(request.channels, to: &self.channels)
        case (.unsubscribed, .unsubscribe):
            self.channels.removeAll { Self.contains(request.channels, $0) }
        case (.refused, _):
            break
        case (.subscribed, .unsubscribe), (.unsubscribed, .subscribe):
            throw .unintelligible("the answer to another request")
        }
        self.waiting.removeFirst()
        self.isSent = false
        return request.number
    }

    /// - Returns: the numbers of all that will not be answered.
    package mutating func end() -> [Int] {
        defer { self.waiting = [] }
        return self.waiting.map(\.number)
    }
}

extension ChannelRequests.Request {
    /// What the relay reads.
    package var text: String {
        let key = self.kind == .subscribe ? "subscribe" : "unsubscribe"
        return "{\"\(key)\":[\(self.channels.map(Self.quoted).joined(separator: ","))]}"
    }

    /// As a JSON string (RFC 8259, section 7).
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\":
                quoted += "\\\(scalar)"
            case "\u{0}"..<"\u{20}":
                quoted += "\\u00" + (scalar.value < 0x10 ? "0" : "") + String(scalar.value, radix: 16)
            default:
                quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
