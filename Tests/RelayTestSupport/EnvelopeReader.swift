/// The ways in which a client can follow channels.
package enum Transport: String, Sendable, CaseIterable {
    case webSocket, eventStream

    /// - Parameters:
    ///   - target: with `last-seen-id`.
    ///   - lastEventID: what a browser's event stream adds when it comes back; a WebSocket says it in the target.
    package func connect(
        port: Int,
        _ target: String,
        lastEventID: String? = nil,
        receiveBuffer: CInt? = nil
    ) async throws -> any EnvelopeReader {
        switch self {
        case .webSocket:
            return try await WebSocketTestClient.connect(port: port, target, receiveBuffer: receiveBuffer)
        case .eventStream:
            return try await EventStreamTestClient.connect(
                port: port,
                target,
                headers: lastEventID.map { ["Last-Event-ID: \($0)"] } ?? [],
                receiveBuffer: receiveBuffer
            )
        }
    }
}

/// A client that gets the messages of the enveloped protocol, however they are carried.
package protocol EnvelopeReader: Sendable {
    /// The next message.
    /// - Throws: at the end.
    func envelope(within timeout: Duration) async throws -> Envelope
    /// Cuts the connection without a goodbye.
    func cut() async
    /// Stops or goes on reading from the socket.
    func setReading(_ isReading: Bool) async throws
}

extension EnvelopeReader {
    package func envelope() async throws -> Envelope { try await self.envelope(within: .patience) }
}

extension WebSocketTestClient: EnvelopeReader {}

extension EventStreamTestClient: EnvelopeReader {
    /// The next event's data, whose id and type have to be those of the event.
    package func envelope(within timeout: Duration) async throws -> Envelope {
        guard let event = try await self.next(within: timeout) else { throw NoText(instead: nil) }
        let envelope = try Envelope(parsing: event.data)
        guard event.id == "\(envelope.id)", event.type == (envelope.type == "event" ? "message" : envelope.type) else {
            throw UnlikeItsData(event: event)
        }
        return envelope
    }
}

package struct UnlikeItsData: Error {
    package let event: EventStreamParser.Event
}
