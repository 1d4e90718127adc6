import RelayTestSupport

/// What most end-to-end tests need: a database, a folder and a relay that listens.
struct World {
    let folder: TemporaryFolder
    let database: String
    let relay: RelayProcess
    let sql: SQLSession

    init(
        encoding: String = "UTF8",
        environment: [String: String] = [:],
        descriptors: Int? = nil
    ) async throws {
        self.folder = try TemporaryFolder()
        self.database = try await EphemeralPostgres.shared.get().makeDatabase(encoding: encoding)
        self.sql = try SQLSession(self.database)
        self.relay = try await RelayProcess.startListening(
            database: self.database,
            folder: self.folder.path,
            environment: environment,
            descriptors: descriptors
        )
    }

    func connect(_ target: String, headers: [String] = []) async throws -> WebSocketTestClient {
        try await WebSocketTestClient.connect(port: self.relay.port, target, headers: headers)
    }

    /// A client of the enveloped protocol.
    /// - Parameter target: with `last-seen-id`.
    func follow(
        _ target: String,
        over transport: Transport,
        receiveBuffer: CInt? = nil
    ) async throws -> any EnvelopeReader {
        try await transport.connect(port: self.relay.port, target, receiveBuffer: receiveBuffer)
    }

    func stream(_ target: String, version: String = "1.1", headers: [String] = []) async throws -> EventStreamTestClient
    {
        try await EventStreamTestClient.connect(port: self.relay.port, target, version: version, headers: headers)
    }

    func get(_ target: String) async throws -> HTTPTestClient.Response {
        try await HTTPTestClient.get(target, port: self.relay.port)
    }

    func history(_ target: String) async throws -> HistoryAnswer {
        try HistoryAnswer(parsing: try await self.get(target).body)
    }
}
