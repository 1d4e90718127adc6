import FoundationEssentials
package import NIOCore

/// A text message of the relay.
package enum ReceivedMessage: Sendable, Equatable {
    case message(Message)
    case answer(ChannelAnswer)
    /// Of a type that is not known here. Its id counts all the same.
    case unknown(id: Int64?)
}

/// What the relay says to a request for other channels.
package struct ChannelAnswer: Sendable, Equatable {
    package enum Outcome: Sendable, Equatable {
        case subscribed
        case unsubscribed
        case refused(Refused)
    }

    package let outcome: Outcome
    package let id: Int64

    package init(_ outcome: Outcome, id: Int64) {
        self.outcome = outcome
        self.id = id
    }
}

extension ReceivedMessage {
    /// Longer than any name that a relay gives to its log, and the longest that it takes.
    private static let maximumLogBytes = 64

    /// - Throws: `Loss.unintelligible` for what no relay sends. An id that the relay would refuse to be asked for is among
    ///   it: kept as a position it would end the connection for good.
    package init(parsing json: ByteBuffer) throws(Loss) {
        let wire: Wire
        do {
            wire = try JSONDecoder().decode(Wire.self, from: Data(json.readableBytesView))
        } catch {
            throw Loss.unintelligible("no message of the protocol: \(error)")
        }
        if let id = wire.id, !(0..<Position.idLimit).contains(id) {
            throw Loss.unintelligible("an id that can't be: \(id)")
        }
        self = try wire.message()
    }

    /// All fields of all types.
    private struct Wire: Decodable {
        let type: String
        let id: Int64?
        let channel: String?
        let time: String?
        let payload: String?
        let payload_base64: Data?
        let after: Int64?
        let before: Int64?
        let lost: Int64?
        let reason: String?
        let log: String?
        let status: Int?
        let detail: String?

        private func required<Value>(_ value: Value?, _ name: StaticString) throws(Loss) -> Value {
            guard let value else { throw Loss.unintelligible("a message '\(self.type)' without '\(name)'") }
            return value
        }

        func message() throws(Loss) -> ReceivedMessage {
            switch self.type {
            case "event": .message(.event(try self.event()))
            case "gap": .message(.gap(try self.gap()))
            case "live": .message(.live(try self.live()))
            case "subscribed": .answer(ChannelAnswer(.subscribed, id: try self.required(self.id, "id")))
            case "unsubscribed": .answer(ChannelAnswer(.unsubscribed, id: try self.required(self.id, "id")))
            case "refused":
                .answer(
                    ChannelAnswer(
                        .refused(Refused(status: try self.required(self.status, "status"), detail: self.detail ?? "")),
                        id: try self.required(self.id, "id")
                    )
                )
            default: .unknown(id: self.id)
            }
        }

        private func event() throws(Loss) -> Event {
            Event(
                id: try self.required(self.id, "id"),
                channel: try self.required(self.channel, "channel"),
                time: try self.required(self.time, "time"),
                payload: try self.required(self.payload, "payload"),
                bytes: self.payload_base64.map(Array.init)
            )
        }

        private func gap() throws(Loss) -> Gap {
            Gap(
                id: try self.required(self.id, "id"),
                channel: self.channel,
                after: try self.required(self.after, "after"),
                before: try self.required(self.before, "before"),
                lost: self.lost,
                reason: Gap.Reason(rawValue: try self.required(self.reason, "reason"))
            )
        }

        private func live() throws(Loss) -> Live {
            let log = try self.required(self.log, "log")
            guard (1...ReceivedMessage.maximumLogBytes).contains(log.utf8.count) else {
                throw Loss.unintelligible("a log's name of \(log.utf8.count) bytes")
            }
            return Live(id: try self.required(self.id, "id"), log: log)
        }
    }
}
