import Foundation

/// A message of the enveloped protocol as a client reads it.
package struct Envelope: Decodable, Sendable, Hashable {
    package let type: String
    package let id: Int64
    package let channel: String?
    package let time: String?
    package let payload: String?
    package let payload_base64: String?
    package let log: String?
    package let after: Int64?
    package let before: Int64?
    package let lost: Int?
    package let reason: String?
    package let channels: [String]?
    package let status: Int?
    package let detail: String?

    package init(parsing text: String) throws {
        self = try JSONDecoder().decode(Envelope.self, from: Data(text.utf8))
    }
}

/// The answer of `/channels`.
package struct ChannelsAnswer: Decodable, Sendable {
    package struct Channel: Decodable, Sendable {
        package let channel: String
        package let recorded_since: String?
        package let events: Int
        package let bytes: Int64
        package let oldest: Int64?
        package let newest: Int64?
        package let floor: Int64
        package let subscribers: Int
    }

    package let channels: [Channel]
    package let counted: String
    package let head: Int64

    package init(parsing text: String) throws {
        self = try JSONDecoder().decode(ChannelsAnswer.self, from: Data(text.utf8))
    }
}

/// The answer of `/history`.
package struct HistoryAnswer: Decodable, Sendable {
    package let channel: String?
    package let channels: [String]?
    package let events: [Envelope]
    package let oldest: Int64?
    package let newest: Int64?
    package let head: Int64
    package let floor: Int64
    package let has_more: Bool
    package let recording: Bool
    package let recorded_since: String?

    package init(parsing text: String) throws {
        self = try JSONDecoder().decode(HistoryAnswer.self, from: Data(text.utf8))
    }
}
