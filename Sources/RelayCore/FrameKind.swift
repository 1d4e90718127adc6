/// What a subscriber's messages look like.
package enum FrameKind: String, Sendable, Hashable, CaseIterable {
    /// On a WebSocket the payload alone, as pg_eventserv sends it. Gaps can't be told.
    case raw
    /// On a WebSocket a JSON object with id, channel and time.
    case enveloped
    /// A server-sent event, its data the same JSON object.
    case eventStream = "event-stream"
    /// A server-sent event, its data the payload. It has an id and a type, so gaps are told all the same.
    case rawEventStream = "raw-event-stream"

    /// Whether gaps and `live` are told.
    package var tellsPosition: Bool { self != .raw }

    package var isEventStream: Bool { self == .eventStream || self == .rawEventStream }
}

/// A value for each kind.
package struct PerFrameKind<Value> {
    private var raw: Value
    private var enveloped: Value
    private var eventStream: Value
    private var rawEventStream: Value

    package init(_ make: (FrameKind) throws -> Value) rethrows {
        self.raw = try make(.raw)
        self.enveloped = try make(.enveloped)
        self.eventStream = try make(.eventStream)
        self.rawEventStream = try make(.rawEventStream)
    }

    package subscript(kind: FrameKind) -> Value {
        get {
            switch kind {
            case .raw: self.raw
            case .enveloped: self.enveloped
            case .eventStream: self.eventStream
            case .rawEventStream: self.rawEventStream
            }
        }
        _modify {
            switch kind {
            case .raw: yield &self.raw
            case .enveloped: yield &self.enveloped
            case .eventStream: yield &self.eventStream
            case .rawEventStream: yield &self.rawEventStream
            }
        }
    }
}

extension PerFrameKind: Sendable where Value: Sendable {}
extension PerFrameKind: Equatable where Value: Equatable {}
