import RelayTestSupport
import Testing

/// What the program writes of its clients, and what it never writes.
@Suite(.timeLimit(.minutes(1)))
struct AccessLogTests {
    @Test func `a line for each WebSocket that ends: whose, what it got, why`() async throws {
        let world = try await World()
        let client = try await world.connect("/listen/people?last-seen-id=latest")
        _ = try await client.envelope()
        try await world.sql.notify("people", "1")
        _ = try await client.envelope()
        try await client.send(0x8, [0x03, 0xE8])
        let line = try await world.relay.waitForLog("WebSocket ended")
        for field in ["address=127.0.0.1", "channel=people", "kind=enveloped", "events=1", "code=1000"] {
            #expect(line.contains(" \(field) "), "\(line)")
        }
        #expect(line.contains("ended-by=client") && line.contains(" info "))
        #expect(!line.contains("subject="))

        let cut = try await world.connect("/listen/people")
        await cut.cut()
        let second = try await world.relay.waitForLog("WebSocket ended")
        #expect(second.contains("ended-by=nobody") && second.contains("events=0") && !second.contains("code="))
    }

    @Test func `it can be switched off`() async throws {
        let world = try await World(environment: ["ES_ACCESSLOG": "off"])
        await (try await world.connect("/listen/people")).cut()
        #expect(try await world.relay.stop() == 0)
        #expect(!world.relay.log().contains { $0.contains("WebSocket ended") })
    }

    @Test func `a channel's name can't forge a line`() async throws {
        let world = try await World()
        await (try await world.connect("/listen/a%0A2026%20info%20forged")).cut()
        let line = try await world.relay.waitForLog("WebSocket ended")
        #expect(line.contains(#"channel="a\u{a}2026 info forged""#))
        #expect(!world.relay.log().contains { $0.hasPrefix("2026 info forged") })
    }

    @Test func `requests are logged without their query, and no secret ever`() async throws {
        let world = try await World(environment: ["ES_DEBUG": "true"])
        let secret = "s3cr3t-0f-ada"
        #expect(try await world.get("/history/people?token=\(secret)").status == 200)
        #expect(try await world.get("/listen/people?token=\(secret)&last-seen-id=x").status == 400)
        #expect(try await world.get("/nowhere?token=\(secret)").status == 404)
        let client = try await world.connect(
            "/listen/people?token=\(secret)",
            headers: ["Authorization: Bearer \(secret)", "Cookie: token=\(secret)"]
        )
        await client.cut()
        let line = try await world.relay.waitForLog("request answered")
        #expect(line.contains("path=/history/people ") && line.contains("status=200") && line.contains("method=GET"))
        #expect(try await world.relay.stop() == 0)
        let log = world.relay.log()
        // What leads nowhere may be a secret that was pasted into the wrong place.
        #expect(log.contains { $0.contains("status=404") } && !log.contains { $0.contains("nowhere") })
        #expect(log.contains { $0.contains("WebSocket ended") })
        for line in [line] + log { #expect(!line.contains(secret), "\(line)") }
    }

    @Test(arguments: [
        "postgresql://nobody:hunter2@localhost/shop?host=HOST",
        "host=HOST dbname=postgres user=nobody password=hunter2",
        "postgresql://nobody@127.0.0.1:1/shop?password=hunter2", "host=/nowhere user=nobody password='hunter2'",
    ])
    func `a password in the connection string is not logged, also where the connection fails`(
        connection: String
    ) async throws {
        let folder = try TemporaryFolder()
        let postgres = try EphemeralPostgres.shared.get()
        let relay = try await RelayProcess.start(
            database: connection.replacing("HOST", with: postgres.host),
            folder: folder.path,
            environment: ["ES_DEBUG": "true"]
        )
        let line = try await relay.waitForLog("no connection to PostgreSQL")
        let health = try await HTTPTestClient.get("/health", port: relay.port)
        let metrics = try await HTTPTestClient.get("/metrics", port: relay.port)
        #expect(health.status == 503 && metrics.status == 200)
        #expect(try await relay.stop() == 0)
        for text in [line, health.body, metrics.body] + relay.log() { #expect(!text.contains("hunter2"), "\(text)") }
    }
}
