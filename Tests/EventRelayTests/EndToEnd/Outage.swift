import RelayTestSupport
import Testing

/// A relay that loses its database and finds it again, and what its clients have to be told of it.
struct Outage {
    static let channel = "kept"

    let folder: TemporaryFolder
    let relay: RelayProcess

    /// - Parameter database: how the relay gets to it.
    init(database: String) async throws {
        self.folder = try TemporaryFolder()
        self.relay = try await RelayProcess.startListening(
            database: database,
            folder: self.folder.path,
            environment: ["ES_CHANNELS": Self.channel]
        )
    }

    /// - Parameters:
    ///   - published: a database where to publish before and after.
    ///   - causes: what the log has to say, in this order; `/health` says the last while it lasts.
    ///   - words: what the log says of the last.
    ///   - failure: makes the database go away; what it publishes is lost.
    ///   - recovery: brings it back.
    func expectTold(
        publishingTo published: String,
        andThenTo publishedLater: String? = nil,
        causes: [String],
        words: String = "",
        failure: () async throws -> Void,
        recovery: () async throws -> Void
    ) async throws {
        let port = self.relay.port
        let staying = try await WebSocketTestClient.connect(port: port, "/listen/kept?last-seen-id=latest")
        #expect(try await staying.envelope().type == "live")
        let raw = try await WebSocketTestClient.connect(port: port, "/listen/kept")
        try await SQLSession(published).notify(Self.channel, "before")
        let before = try await staying.envelope()
        #expect(before.payload == "before")
        #expect(try await raw.text() == "before")

        try await failure()
        var line = ""
        for cause in causes { line = try await self.relay.waitForLog("cause=\(cause) ") }
        #expect(line.contains(words))
        let health = try await HTTPTestClient.get("/health", port: port)
        #expect(health.status == 503 && health.body.contains(#""state":"disconnected""#))
        // On a busy machine the next attempt may have failed by now, for another cause.
        let shown = health.body.firstMatch(of: /"cause":"([a-z]+)"/).map { String($0.1) } ?? ""
        let isToldSince = self.relay.log().contains { $0.contains("cause=\(shown) ") }
        #expect(shown == causes.last || isToldSince, "\(health.body)")
        let meanwhile = try await WebSocketTestClient.connect(port: port, "/listen/kept?last-seen-id=\(before.id)")
        #expect(try await meanwhile.envelope().type == "live")
        try await recovery()

        let gap = try await staying.envelope()
        #expect(gap.reason == "disconnected" && gap.after == before.id && gap.before == gap.id + 1)
        try await SQLSession(publishedLater ?? published).notify(Self.channel, "after")
        let after = try await staying.envelope()
        #expect(after.payload == "after")
        #expect(try await [meanwhile.envelope(), meanwhile.envelope()] == [gap, after])
        #expect(try await raw.text() == "after", "the same connection, on which a gap can't be told")
        let resumed = try await WebSocketTestClient.connect(port: port, "/listen/kept?last-seen-id=\(before.id)")
        #expect(try await [resumed.envelope(), resumed.envelope()] == [gap, after])
        let history = try await HTTPTestClient.get("/history/kept", port: port)
        #expect(try HistoryAnswer(parsing: history.body).events.suffix(3) == [before, gap, after])
        let recovered = try await HTTPTestClient.get("/health", port: port)
        #expect(recovered.status == 200 && recovered.body.contains(#""heartbeat":{"state":"ok","at":"2"#))
    }
}

/// Ends the relay's LISTEN connection to a database, as an administrator does, and waits for its end.
func terminateListener(ofDatabaseOf session: SQLSession) async throws {
    try await session.run(
        """
        SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
        WHERE application_name = 'pg_eventrelay' AND datname = current_database()
        """
    )
}
