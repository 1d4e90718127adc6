import RelayTestSupport
import Testing

/// `/metrics`, `/health` and `/ready` of the whole program.
@Suite(.timeLimit(.minutes(1)))
struct MetricsTests {
    private func metrics(port: Int) async throws -> ParsedMetrics {
        let answer = try await HTTPTestClient.get("/metrics", port: port)
        #expect(answer.status == 200)
        #expect(answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
        return try await ParsedMetrics(parsing: answer.body)
    }

    private func adminPort(of world: World) async throws -> Int {
        let line = try await world.relay.waitForLog("operators are served")
        #expect(line.contains("host=127.0.0.1"))
        let port = line.split(separator: " ").first { $0.hasPrefix("port=") }
        return try #require(port.flatMap { Int($0.dropFirst("port=".count)) })
    }

    @Test func `what happened is counted, and a real parser reads it`() async throws {
        let world = try await World()
        let raw = try await world.connect("/listen/people")
        let enveloped = try await world.connect("/listen/people?last-seen-id=latest")
        #expect(try await enveloped.envelope().type == "live")
        for number in 1...3 {
            try await world.sql.notify("people", "\(number)")
            // Each in a batch of its own. A loop has counted a batch when it sends the next.
            #expect(try await raw.text() == "\(number)")
            #expect(try await enveloped.envelope().payload == "\(number)")
        }
        let replaying = try await world.connect("/listen/people?last-seen-id=0")
        for _ in 1...4 { _ = try await replaying.envelope() }
        #expect(try await world.get("/nowhere").status == 404)
        #expect(try await world.get("/listen/people").status == 426)

        let seen = try await self.metrics(port: world.relay.port)
        func own(_ name: String) -> Double { seen["pg_eventrelay_" + name] ?? .nan }
        #expect(own("events_received_total") == 3)
        #expect(2...3 ~= own("events_appended_total"))
        #expect(2...3 ~= own("events_delivered_total{kind=raw}"))
        #expect(2...3 ~= own("events_delivered_total{kind=enveloped}"))
        #expect(own("delivery_lag_seconds_count") >= 2)
        #expect(own("delivery_lag_seconds_sum") > 0)
        #expect(own("append_batch_events_sum") == own("events_appended_total"))
        #expect(own("clients{kind=raw,state=live}") == 1)
        #expect(own("clients{kind=raw,state=replaying}") == 0)
        #expect(own("source_state{state=connected}") == 1 && own("source_state{state=starting}") == 0)
        #expect(own("heartbeat_round_trip_seconds_count") >= 1)
        #expect(own("requests_refused_total{cause=not-found}") == 1)
        #expect(own("requests_refused_total{cause=upgrade}") == 1)
        #expect(own("http_requests_total{route=none,status=404}") == 1)
        #expect(own("http_requests_total{route=listen,status=101}") == 3)
        #expect(own("bytes_sent_total{protocol=websocket}") > 0 && own("bytes_sent_total{protocol=http}") > 0)
        #expect(own("gaps_stored_total{reason=unrecorded}") == 1)
        #expect(own("channels_recorded") == 1)
        #expect(own("log_writable") == 1 && own("log_lag_seconds") == 0 && own("log_bytes") > 0)
        #expect(own("build_info{version=0.1.0}") == 1)
        #expect((seen["process_open_fds"] ?? 0) > 10 && (seen["process_max_fds"] ?? 0) >= 1_024)
        #expect((seen["process_cpu_seconds_total"] ?? 0) > 0)
        #expect((seen["process_resident_memory_bytes"] ?? 0) > 1_048_576)
    }

    @Test func `what was evicted is counted for who comes back too late, not for who asks for all`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "ring", "ES_LOGMAXEVENTS": "64"])
        let client = try await world.connect("/listen/ring?last-seen-id=latest")
        let start = try await client.envelope().id
        try await world.sql.run("SELECT pg_notify('ring', n::text) FROM generate_series(1, 1000) n")
        for _ in 1...1000 { _ = try await client.envelope() }
        for position in ["0", "\(start)"] {
            let late = try await world.connect("/listen/ring?last-seen-id=\(position)")
            #expect(try await late.envelope().reason == "evicted")
            while try await late.envelope().type != "live" {}
        }
        let seen = try await self.metrics(port: world.relay.port)
        #expect(seen["pg_eventrelay_gaps_told_total{reason=evicted}"] == 1)
    }

    @Test func `every metric that is described is shown, and no other`() async throws {
        let world = try await World()
        _ = try await world.get("/health")
        let described = try MetricsDocument.names()
        let shown = try await self.metrics(port: world.relay.port).types.keys
        #expect(Set(shown) == Set(described))
    }

    @Test func `without a port of their own operators are served where everybody is`() async throws {
        let world = try await World(environment: ["ES_BASEPATH": "/events"])
        #expect(try await world.get("/events/health").status == 200)
        let ready = try await world.get("/events/ready")
        #expect(ready.status == 200 && ready.body == #"{"ready":true,"because":[]}"# + "\n")
        #expect(try await world.get("/events/metrics").status == 200)
        #expect(try await world.get("/metrics").status == 404)
        let head = try await HTTPTestClient.get("/events/metrics", port: world.relay.port, method: "HEAD")
        #expect(head.status == 200 && head.body.isEmpty)
        let other = try await HTTPTestClient.get("/events/metrics", port: world.relay.port, method: "POST")
        #expect(other.status == 405 && other.header("Allow") == "GET, HEAD, OPTIONS")
    }

    @Test func `with a port of their own they are served there alone, at its root`() async throws {
        let world = try await World(environment: ["ES_ADMINPORT": "0", "ES_BASEPATH": "/events"])
        let port = try await self.adminPort(of: world)
        for name in ["health", "ready", "metrics"] {
            let answer = try await HTTPTestClient.get("/\(name)", port: port, headers: ["Origin": "https://x.example"])
            #expect(answer.status == 200)
            #expect(answer.header("Access-Control-Allow-Origin") == nil, "no page has to read it")
            #expect(try await world.get("/events/\(name)").status == 404)
        }
        for target in ["/", "/events/", "/listen/people", "/history/people", "/viewer.js", "/events/metrics"] {
            #expect(try await HTTPTestClient.get(target, port: port).status == 404)
        }
        #expect(try await world.get("/events/history/people").status == 200)
    }

    @Test func `it is not ready without PostgreSQL`() async throws {
        let folder = try TemporaryFolder()
        let relay = try await RelayProcess.start(database: "host=/nowhere", folder: folder.path)
        let answer = try await HTTPTestClient.get("/ready", port: relay.port)
        #expect(answer.status == 503 && answer.body == #"{"ready":false,"because":["source"]}"# + "\n")
        let seen = try await self.metrics(port: relay.port)
        #expect(seen["pg_eventrelay_source_state{state=connected}"] == 0)
    }

    @Test func `while it drains operators are answered, and told that it is not ready`() async throws {
        let world = try await World(environment: ["ES_ADMINPORT": "0"])
        let port = try await self.adminPort(of: world)
        let told = try await world.connect("/listen/people")
        // One that neither reads nor answers keeps the drain going.
        let deaf = try await world.connect("/listen/people")
        try await deaf.setReading(false)
        world.relay.signal(15)
        #expect(try await told.next() == .close(code: 1001, reason: "shutting down, come back"))
        let ready = try await HTTPTestClient.get("/ready", port: port)
        #expect(ready.status == 503 && ready.body.contains(#""draining""#))
        #expect(try await self.metrics(port: port)["pg_eventrelay_build_info{version=0.1.0}"] == 1)
        #expect(try await world.relay.exitStatus() == 0)
    }

    @Test func `clients that take all connections there are leave operators theirs`() async throws {
        let world = try await World(environment: ["ES_ADMINPORT": "0"], descriptors: 300)
        let port = try await self.adminPort(of: world)
        var clients: [RawTestClient] = []
        for _ in 0..<300 { clients.append(try await RawTestClient.connect(port: world.relay.port)) }
        // Beyond the limit connections are closed, so this one learns that it is reached.
        #expect(try await clients[299].whenEnded() == "")
        let seen = try await self.metrics(port: port)
        #expect((seen["pg_eventrelay_requests_refused_total{cause=limit-connections}"] ?? 0) > 0)
        #expect((seen["process_open_fds"] ?? 0) < (seen["process_max_fds"] ?? 0))
        for client in clients { await client.close() }
    }

    @Test func `a port that is taken is named by its own settings`() async throws {
        let world = try await World()
        let relay = try RelayProcess(environment: [
            "DATABASE_URL": world.database, "ES_HTTPPORT": "0", "ES_ADMINPORT": "\(world.relay.port)",
            "ES_LOGPATH": world.folder.file("second.db"),
        ])
        #expect(try await relay.exitStatus() == 69)
        #expect(relay.log().contains { $0.contains("set AdminHost and AdminPort") })
    }
}
