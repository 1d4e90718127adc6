import Glibc
import RelayTestSupport

/// What a soak publishes: numbered events in *streams*. A stream is what one publisher sends on one channel; PostgreSQL
/// commits it in the order of its numbers.
struct SoakTraffic: Sendable {
    let channels: Int
    let publishers: Int

    var streams: Int { self.channels * self.publishers }

    func name(ofChannel channel: Int) -> String { "soak\(channel)" }
    func channel(of stream: Int) -> Int { stream % self.channels }
    func stream(publisher: Int, channel: Int) -> Int { publisher * self.channels + channel }
    func streams(ofChannel channel: Int) -> [Int] {
        (0..<self.publishers).map { self.stream(publisher: $0, channel: channel) }
    }
    var channelNames: [String] { (0..<self.channels).map(self.name(ofChannel:)) }
}

/// One event as a client got it.
struct SoakEvent: Equatable, Sendable {
    var id: Int64
    var stream: Int
    var number: Int
    /// From the end of its stream, published after the last fault.
    var isLast = false
}

/// A payload says which event it is, and the rest of it follows from that, so that any change shows.
enum SoakPayload {
    private static let longest = 120
    private static let alphabet = (UInt8(ascii: "a")...UInt8(ascii: "z")).map { [UInt8](repeating: $0, count: longest) }
    private static let last = UInt8(ascii: "!")

    static func text(stream: Int, number: Int, isLast: Bool) -> String {
        let (letters, count) = self.padding(stream, number)
        return "\(stream):\(number):\(isLast ? "!" : "")" + String(decoding: letters.prefix(count), as: UTF8.self)
    }

    private static func padding(_ stream: Int, _ number: Int) -> (letters: [UInt8], count: Int) {
        (self.alphabet[(stream + number) % self.alphabet.count], (stream * 31 + number * 7) % self.longest)
    }

    /// Nil where this is no payload that was published.
    static func event(_ bytes: UnsafeRawBufferPointer, id: Int64) -> SoakEvent? {
        var rest = bytes[...]
        guard let stream = self.number(&rest), let number = self.number(&rest) else { return nil }
        let isLast = rest.first == self.last
        if isLast { rest = rest.dropFirst() }
        let (letters, count) = self.padding(stream, number)
        guard rest.count == count, let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress else { return nil }
        guard memcmp(start, letters, count) == 0 else { return nil }
        return SoakEvent(id: id, stream: stream, number: number, isLast: isLast)
    }

    /// Takes a number and the colon behind it.
    private static func number(_ bytes: inout Slice<UnsafeRawBufferPointer>) -> Int? {
        guard let (value, count) = SoakMessage.digits(bytes), bytes.dropFirst(count).first == UInt8(ascii: ":") else {
            return nil
        }
        bytes = bytes.dropFirst(count + 1)
        return Int(value)
    }
}

/// A message of the enveloped protocol. Events, which are nearly all, are read without a JSON decoder: tens of thousands
/// come each second.
enum SoakMessage: Sendable {
    case event(SoakEvent, channel: String)
    /// An event whose payload nobody published so.
    case changed(String)
    case gap(SoakGap)
    case live(id: Int64)

    init(parsing text: String) throws {
        if let event = Self.event(text) {
            self = event
            return
        }
        try self.init(Envelope(parsing: text), text)
    }

    init(_ envelope: Envelope) { self.init(envelope, "\(envelope)") }

    private init(_ envelope: Envelope, _ text: String) {
        switch envelope.type {
        case "event":
            var payload = envelope.payload ?? ""
            let event = payload.withUTF8 { SoakPayload.event(UnsafeRawBufferPointer($0), id: envelope.id) }
            self = event.map { .event($0, channel: envelope.channel ?? "") } ?? .changed(text)
        case "live": self = .live(id: envelope.id)
        case "gap":
            self = .gap(
                SoakGap(
                    id: envelope.id,
                    after: envelope.after ?? -1,
                    before: envelope.before ?? -1,
                    reason: envelope.reason ?? ""
                )
            )
        default: self = .changed(text)
        }
    }

    private static let head = Array(#"{"type":"event","id":"#.utf8)
    private static let channel = Array(#","channel":""#.utf8)
    private static let payload = Array(#"","payload":""#.utf8)
    /// `","time":"2026-11-22T22:27:08.746337Z`
    private static let timeBytes = 10 + 27
    private static let tail = Array(#""}"#.utf8)

    private static func event(_ text: String) -> SoakMessage? {
        var text = text
        return text.withUTF8 { utf8 in
            var rest = UnsafeRawBufferPointer(utf8)[...]
            guard self.take(self.head, &rest), let (id, count) = self.digits(rest) else { return nil }
            rest = rest.dropFirst(count)
            guard self.take(self.channel, &rest), let end = rest.firstIndex(of: UInt8(ascii: "\"")) else { return nil }
            let channel = String(decoding: rest[..<end], as: UTF8.self)
            rest = rest[end...].dropFirst(self.timeBytes)
            guard self.take(self.payload, &rest), rest.suffix(2).elementsEqual(self.tail) else { return nil }
            let event = SoakPayload.event(UnsafeRawBufferPointer(rebasing: rest.dropLast(2)), id: id)
            return event.map { .event($0, channel: channel) }
        }
    }

    private static func take(_ text: [UInt8], _ bytes: inout Slice<UnsafeRawBufferPointer>) -> Bool {
        guard bytes.count >= text.count, let start = UnsafeRawBufferPointer(rebasing: bytes).baseAddress,
            memcmp(start, text, text.count) == 0
        else { return false }
        bytes = bytes.dropFirst(text.count)
        return true
    }

    /// The digits at the beginning, and how many they are.
    static func digits(_ bytes: Slice<UnsafeRawBufferPointer>) -> (value: Int64, count: Int)? {
        var value: Int64 = 0
        var count = 0
        for byte in bytes.prefix(16) {
            guard byte >= 48, byte <= 57 else { break }
            value = value * 10 + Int64(byte - 48)
            count += 1
        }
        return count == 0 ? nil : (value, count)
    }
}

/// A range of ids in which events may be missing, as it was told or stored.
struct SoakGap: Equatable, Sendable {
    let id: Int64
    let after: Int64
    let before: Int64
    let reason: String

    func holds(_ id: Int64) -> Bool { self.after < id && id < self.before }

    /// Whether an event somewhere between two others may lie in it.
    func meets(after: Int64, before: Int64) -> Bool { self.after < before && self.before > after }

    /// What answers one cursor: it excuses also what the log has, or had.
    var isOfCursor: Bool { ["evicted", "ahead", "replaced"].contains(self.reason) }
}
