import RelayTestSupport
import Testing

/// Ways in which a database goes away and comes back. Each time the gap has the right bounds, those who stayed and those
/// who come back are told of it, and no client's connection ends.
@Suite(.timeLimit(.minutes(2)))
struct DatabaseFaultTests {
    @Test
    func `a network that falls silent is noticed by the heartbeat`() async throws {
        let postgres = try EphemeralPostgres.shared.get()
        let database = try await postgres.makeDatabase()
        let proxy = try await NetworkProxy(to: postgres.socket)
        let outage = try await Outage(database: throughTCP(database, port: proxy.port))
        let clock = ContinuousClock()
        var began = clock.now
        try await outage.expectTold(publishingTo: database, causes: ["silent"]) {
            try await proxy.fallSilent()
            began = clock.now
            try await SQLSession(database).notify(Outage.channel, "lost")
        } recovery: {
            print("a silent network was noticed after \(clock.now - began)")
            try await proxy.heal()
        }
    }

    @Test(arguments: ["fast", "immediate"])
    func `PostgreSQL is stopped or crashes, and starts again`(mode: String) async throws {
        let postgres = try EphemeralPostgres()
        let database = try await postgres.makeDatabase()
        let outage = try await Outage(database: database)
        try await outage.expectTold(publishingTo: database, causes: ["closed", "unreachable"]) {
            try postgres.stop(mode: mode)
        } recovery: {
            try postgres.start()
        }
    }

    // MARK: - Refusals

    struct Refusal: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let words: String
        /// Statements by which the role or the database takes nobody in any more, and again.
        let refuse: String
        let admit: String
    }

    @Test(arguments: [
        Refusal(
            testDescription: "too many connections",
            words: "too many connections",
            refuse: "ALTER ROLE $role CONNECTION LIMIT 0",
            admit: "ALTER ROLE $role CONNECTION LIMIT 1"
        ),
        Refusal(
            testDescription: "the password was rotated",
            words: "password authentication failed",
            refuse: "ALTER ROLE $role PASSWORD 'another'",
            admit: "ALTER ROLE $role PASSWORD 'secret'"
        ),
        Refusal(
            testDescription: "the database takes no connections",
            words: "not currently accepting connections",
            refuse: "ALTER DATABASE $role ALLOW_CONNECTIONS false",
            admit: "ALTER DATABASE $role ALLOW_CONNECTIONS true"
        ),
    ])
    func `a database refuses for a while`(refusal: Refusal) async throws {
        let postgres = try EphemeralPostgres.shared.get()
        let database = try await postgres.makeDatabase()
        let control = try SQLSession(postgres.url("postgres"))
        let role = try await SQLSession(database).run("SELECT current_database()")[0][0] ?? ""
        try await control.run("CREATE ROLE \(role) LOGIN PASSWORD 'secret'")
        let own = database.replacing("user=postgres", with: "user=\(role)&password=secret")
        let outage = try await Outage(database: own)
        // Open before nobody gets in any more.
        let inside = try SQLSession(database)
        try await outage.expectTold(publishingTo: database, causes: ["closed", "refused"], words: refusal.words) {
            try await control.run(refusal.refuse.replacing("$role", with: role))
            try await terminateListener(ofDatabaseOf: inside)
            try await inside.notify(Outage.channel, "lost")
        } recovery: {
            try await control.run(refusal.admit.replacing("$role", with: role))
        }
        #expect(!outage.relay.log().contains { $0.contains("secret") })
    }

    // MARK: - Standby

    @Test
    func `a relay fails over to the standby that was promoted, and one that asked the standby is let in`() async throws
    {
        let primary = try EphemeralPostgres()
        let database = try await primary.makeDatabase()
        let standby = try primary.makeStandby()
        let onStandby = database.replacing(primary.host, with: standby.host)
        let several =
            database.replacing(primary.host, with: "\(primary.host),\(standby.host)")
            + "&target_session_attrs=read-write"

        let early = try TemporaryFolder()
        let asking = try await RelayProcess.start(database: onStandby, folder: early.path)
        try await asking.waitForLog("cause=standby ")
        #expect(try await HTTPTestClient.get("/health", port: asking.port).body.contains(#""cause":"standby""#))

        let outage = try await Outage(database: several)
        // None of the hosts is one that can be written to: the one that is there is a standby.
        try await outage.expectTold(
            publishingTo: database,
            andThenTo: onStandby,
            causes: ["closed", "standby"]
        ) {
            try primary.stop(mode: "immediate")
        } recovery: {
            try standby.promote()
        }
        try await asking.waitForLog("listening to PostgreSQL")
        #expect(try await asking.stop() == 0)
    }

    // MARK: - Poolers

    @Test
    func `a pooler in transaction mode is named, and the relay goes on when it is gone`() async throws {
        let postgres = try EphemeralPostgres.shared.get()
        let database = try await postgres.makeDatabase()
        let pooler = try await PgBouncer(.transaction, before: postgres)
        let proxy = try await NetworkProxy(to: postgres.socket)
        let outage = try await Outage(database: throughTCP(database, port: proxy.port))
        try await outage.expectTold(
            publishingTo: database,
            causes: ["closed", "pooler"],
            words: "connection pooler in transaction mode"
        ) {
            proxy.redirect(to: pooler.socket)
            try await terminateListener(ofDatabaseOf: SQLSession(database))
        } recovery: {
            proxy.redirect(to: postgres.socket)
        }
    }

    @Test
    func `a pooler in session mode does no harm`() async throws {
        let postgres = try EphemeralPostgres.shared.get()
        let database = try await postgres.makeDatabase()
        let pooler = try await PgBouncer(.session, before: postgres)
        let folder = try TemporaryFolder()
        let relay = try await RelayProcess.startListening(
            database: database.replacing(postgres.host, with: pooler.host),
            folder: folder.path
        )
        let client = try await WebSocketTestClient.connect(port: relay.port, "/listen/people?last-seen-id=latest")
        #expect(try await client.envelope().type == "live")
        try await SQLSession(database).notify("people", "1")
        #expect(try await client.envelope().payload == "1")
        // PgBouncer ends the relay's connection when the server ends its own.
        try await terminateListener(ofDatabaseOf: SQLSession(database))
        #expect(try await client.envelope().reason == "disconnected")
        try await SQLSession(database).notify("people", "2")
        #expect(try await client.envelope().payload == "2")
        #expect(!relay.log().contains { $0.contains("cause=pooler") })
    }

    // MARK: - What is no outage

    @Test
    func `NOTIFY that is blocked by a commit that hangs is told, and the connection stays`() async throws {
        let postgres = try EphemeralPostgres()
        let database = try await postgres.makeDatabase()
        // Commits wait for a standby that never comes. Heartbeats don't.
        try await SQLSession(database).run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        try postgres.stop()
        try postgres.start()
        let outage = try await Outage(database: database)
        let client = try await WebSocketTestClient.connect(port: outage.relay.port, "/listen/kept?last-seen-id=latest")
        #expect(try await client.envelope().type == "live")
        // This one holds the lock that every NOTIFY needs.
        async let hanging = SQLSession(database).run(
            "BEGIN; CREATE TABLE written (); SELECT pg_notify('\(Outage.channel)', 'late'); COMMIT"
        )
        do {
            let line = try await outage.relay.waitForLog("PostgreSQL refuses the heartbeat")
            #expect(line.contains("lock timeout"))
            let health = try await HTTPTestClient.get("/health", port: outage.relay.port)
            #expect(health.status == 200 && health.body.contains(#""heartbeat":{"state":"failing""#))
            try await SQLSession(database).run("ALTER SYSTEM RESET synchronous_standby_names")
            try await SQLSession(database).run("SELECT pg_reload_conf()")
        } catch {
            // The commit is awaited whatever happens, and nothing else would end it.
            try postgres.stop()
            throw error
        }
        _ = try await hanging
        // No gap: nothing was lost.
        #expect(try await client.envelope().payload == "late")
        try await outage.relay.waitForLog("PostgreSQL accepts the heartbeat again")
        #expect(!outage.relay.log().contains { $0.contains("no connection to PostgreSQL") })
    }
}

/// The same database, by a TCP port of this machine.
func throughTCP(_ database: String, port: Int) -> String {
    let start = database.prefix { $0 != "?" }
    return "\(start)?host=127.0.0.1&port=\(port)&user=postgres"
}
