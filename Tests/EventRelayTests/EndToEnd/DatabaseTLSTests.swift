import RelayTestSupport
import Testing

/// TLS towards PostgreSQL is libpq's: what the connection string asks for is what is checked.
@Suite(.timeLimit(.minutes(2)))
struct DatabaseTLSTests {
    /// An address of this machine that nobody else listens at, and a name for it.
    private static let address = "127.83.71.69"
    private static let name = "db.test"

    @Test
    func `verify-full connects to the name of the certificate, and to no other name or authority`() async throws {
        let folder = try TemporaryFolder()
        let authority = try await TestAuthority()
        try await authority.issue("server", names: "DNS:\(Self.name)", in: folder)
        let server = try EphemeralPostgres()
        try await server.serveTLS(
            at: Self.address,
            certificate: folder.file("server.pem"),
            key: folder.file("server.key")
        )
        let sql = try SQLSession(server.url("postgres"))
        func connection(host: String, trusting file: String) -> String {
            """
            host=\(host) hostaddr=\(Self.address) user=postgres dbname=postgres sslmode=verify-full sslrootcert=\(file)
            """
        }

        let relay = try await RelayProcess.startListening(
            database: connection(host: Self.name, trusting: authority.file),
            folder: folder.path
        )
        let client = try await WebSocketTestClient.connect(port: relay.port, "/listen/people")
        try await sql.notify("people", "over TLS")
        #expect(try await client.text() == "over TLS")
        let encrypted = try await sql.run(
            "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'pg_eventrelay'"
        )
        #expect(encrypted == [["t"]])
        #expect(try await relay.stop() == 0)

        let strangers = try await TestAuthority()
        for wrong in [
            connection(host: "other.test", trusting: authority.file),
            connection(host: Self.name, trusting: strangers.file),
        ] {
            let relay = try await RelayProcess.start(database: wrong, folder: folder.path)
            let line = try await relay.waitForLog("no connection to PostgreSQL")
            #expect(line.contains("certificate"))
            #expect(try await HTTPTestClient.get("/health", port: relay.port).status == 503)
            #expect(try await relay.stop() == 0)
        }
    }
}
