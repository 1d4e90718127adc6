import Foundation
import RelayTestSupport
import Testing

/// The program with tokens, by clients from outside.
@Suite(.timeLimit(.minutes(2)))
struct TokenTests {
    private func world(
        _ environment: [String: String] = [:]
    ) async throws -> (world: World, signer: TestSigner) {
        let signer = try await TestSigner(.hs256)
        let settings = [
            "ES_TOKENSECRET": signer.secret, "ES_CHANNELS": "people,news,other", "ES_ANONYMOUSCHANNELS": "news",
            "ES_TOKENCOOKIE": "session", "ES_TOKENINURL": "true", "ES_DEBUG": "true",
        ]
        return (try await World(environment: settings.merging(environment) { $1 }), signer)
    }

    private func status(_ world: World, _ target: String, headers: [String] = []) async throws -> Int? {
        do {
            await (try world.connect(target, headers: headers)).cut()
            return 101
        } catch let refused as UpgradeRefused {
            return refused.status
        }
    }

    @Test
    func `patterns find, and open connections get, only what the token names`() async throws {
        let (world, signer) = try await self.world()
        let token = try await signer.token(#"{"sub":"paul","channels":["pe*"]}"#)
        let headers = ["Authorization: Bearer \(token)"]
        #expect(try await self.status(world, "/listen?channel=people&channel=other", headers: headers) == 403)
        #expect(try await self.status(world, "/listen?channel=news&channel=people") == 401)
        let client = try await world.connect("/listen?channel=*&last-seen-id=latest", headers: headers)
        _ = try await client.envelope()
        for request in [#"{"subscribe":["other"]}"#, #"{"subscribe":["o*"]}"#] {
            try await client.send(0x1, Array(request.utf8))
        }
        let refused = try await client.envelope()
        #expect(refused.type == "refused" && refused.status == 403)
        #expect(try await client.envelope().type == "subscribed")
        for channel in ["other", "people", "news"] { try await world.sql.notify(channel, "1") }
        #expect(try await [client.envelope().channel, client.envelope().channel] == ["people", "news"])
        for (target, found) in [
            ("/history?channel=*", ["news"]), ("/history?channel=*&token=\(token)", ["people", "news"]),
        ] {
            #expect(try await world.history(target).events.map(\.channel) == found)
        }
    }

    @Test
    func `each carrier of a token lets a WebSocket in, and no token is logged`() async throws {
        let (world, signer) = try await self.world()
        let token = try await signer.token(#"{"sub":"paul","channels":["pe*"]}"#)
        let carriers = [
            ("", ["Authorization: Bearer \(token)"]), ("", ["Sec-WebSocket-Protocol: pg_eventrelay, bearer.\(token)"]),
            ("", ["Cookie: session=\(token)"]), ("?token=\(token)", []),
        ]
        for (query, headers) in carriers {
            let client = try await world.connect("/listen/people\(query)", headers: headers)
            try await world.sql.notify("people", "hello")
            #expect(try await client.text() == "hello")
            await client.cut()
            // Not what the token names.
            #expect(try await self.status(world, "/listen/other\(query)", headers: headers) == 403)
            #expect(try await self.status(world, "/listen/news\(query)", headers: headers) == 101)
        }
        #expect(try await self.status(world, "/listen/people") == 401)
        #expect(try await self.status(world, "/listen/people", headers: ["Authorization: Bearer \(token)x"]) == 401)
        #expect(try await self.status(world, "/listen/people?token=\(token)x") == 401)
        #expect(try await self.status(world, "/listen/people?token=\(token)&token=\(token)") == 400)
        #expect(try await self.status(world, "/listen/people?token=x", headers: carriers[0].1) == 400)
        #expect(try await self.status(world, "/listen/people?last-seen-id=\(token)", headers: carriers[0].1) == 400)
        #expect(try await self.status(world, "/\(token)") == 404)

        #expect(try await world.relay.stop() == 0)
        let log = world.relay.log().joined(separator: "\n")
        #expect(log.contains("request refused") && log.contains("subscriber joined"))
        // Neither whole nor by its parts.
        for part in token.split(separator: ".") { #expect(!log.contains(part)) }
        #expect(!log.contains(signer.secret))
    }

    @Test
    func `the answer to a token among the subprotocols takes ours and never echoes it`() async throws {
        let (world, signer) = try await self.world()
        let token = try await signer.token(#"{"channels":["people"]}"#)
        // A close frame right behind the request ends the connection after the answer.
        let answer = try await HTTPTestClient.exchange(
            """
            GET /listen/people HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\nConnection: Upgrade\r
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
            Sec-WebSocket-Protocol: bearer.\(token), pg_eventrelay\r\n\r\n\u{8}\u{0}
            """,
            port: world.relay.port
        )
        #expect(answer.hasPrefix("HTTP/1.1 101 "))
        #expect(answer.lowercased().contains("sec-websocket-protocol: pg_eventrelay\r\n") && !answer.contains(token))
    }

    @Test
    func `history and the viewer's list follow the same rule`() async throws {
        let (world, signer) = try await self.world()
        let token = try await signer.token(#"{"channels":["pe*"]}"#)
        func get(_ target: String, _ headers: [String: String] = [:]) async throws -> HTTPTestClient.Response {
            try await HTTPTestClient.get(target, port: world.relay.port, headers: headers)
        }
        let bearer = ["Authorization": "Bearer \(token)"]
        #expect(try await get("/history/people", bearer).status == 200)
        #expect(try await get("/history/people", ["Cookie": "session=\(token)"]).status == 200)
        #expect(try await get("/history/people?token=\(token)").status == 200)
        #expect(try await get("/history/news").status == 200)
        #expect(try await get("/history/people", bearer).header("Cache-Control") == "no-store")
        for accept in ["application/json", "application/x-ndjson"] {
            let refused = try await get("/history/people", ["Accept": accept])
            #expect(refused.status == 401 && refused.header("Content-Type") == "application/problem+json")
            #expect(refused.header("WWW-Authenticate") == #"Bearer realm="pg_eventrelay""#)
            let other = try await get("/history/other", ["Accept": accept].merging(bearer) { $1 })
            #expect(other.status == 403 && other.header("WWW-Authenticate")?.contains("insufficient_scope") == true)
        }
        let stranger = try await get("/history/people", ["Authorization": "Bearer x.y.z"])
        #expect(stranger.status == 401 && stranger.header("WWW-Authenticate")?.contains("invalid_token") == true)
        // Allowed by no setting: no token helps, and none is asked for.
        #expect(try await get("/history/people2", bearer).status == 403)

        let preflight = try await HTTPTestClient.get("/history/people", port: world.relay.port, method: "OPTIONS")
        #expect(preflight.status == 204)
        #expect(preflight.header("Access-Control-Allow-Headers")?.contains("Authorization") == true)

        func names(_ headers: [String: String]) async throws -> [String] {
            try ChannelsAnswer(parsing: try await get("/channels", headers).body).channels.map(\.channel)
        }
        #expect(try await names([:]) == ["news"])
        #expect(try await names(bearer) == ["news", "people"])
        #expect(try await names(["Cookie": "session=\(token)"]) == ["news", "people"])
        #expect(try await names(["Cookie": "session=old"]) == ["news"])
        #expect(try await get("/channels", ["Authorization": "Bearer x.y.z"]).status == 401)
        #expect(try await get("/channels", bearer).header("Cache-Control") == "no-store")

        func isListed(_ channel: String, _ headers: [String: String]) async throws -> Bool {
            try await get("/", headers).body.contains("&quot;\(channel)&quot;")
        }
        #expect(try await isListed("news", [:]))
        #expect(try await !isListed("people", [:]))
        #expect(try await isListed("people", ["Cookie": "session=\(token)"]))
        #expect(try await !isListed("other", ["Cookie": "session=\(token)"]))
        #expect(try await get("/", ["Cookie": "session=old"]).status == 200)
    }

    @Test
    func `a page of a foreign origin can't use the cookie, one that is named can`() async throws {
        let (world, signer) = try await self.world(["ES_CORSORIGINS": "*,https://good.example"])
        let cookie = "Cookie: session=\(try await signer.token(#"{"channels":["people"]}"#))"
        for (origin, status) in [
            ("https://evil.example", 401), ("null", 401), ("https://good.example", 101),
            ("http://127.0.0.1:\(world.relay.port)", 101),
        ] {
            #expect(try await self.status(world, "/listen/people", headers: [cookie, "Origin: \(origin)"]) == status)
        }
    }

    @Test
    func `an open connection ends with 1008 when its token does, and can't come back with it`() async throws {
        let (world, signer) = try await self.world(["ES_TOKENLEEWAY": "0"])
        // On a busy machine it takes seconds to sign and to connect.
        let end = Int(Date().timeIntervalSince1970) + 15
        let token = try await signer.token(#"{"channels":["people"],"exp":\#(end)}"#)
        let headers = ["Authorization: Bearer \(token)"]
        let client = try await world.connect("/listen/people", headers: headers)
        let patient = try await world.connect("/listen/news")
        #expect(try await client.next() == .close(code: 1008, reason: "the token has expired"))
        #expect(Date().timeIntervalSince1970 >= Double(end))
        #expect(try await client.next() == nil)
        #expect(try await self.status(world, "/listen/people", headers: headers) == 401)
        // Nobody else's.
        try await world.sql.notify("news", "hello")
        #expect(try await patient.text() == "hello")
    }

    @Test
    func `a resume with a token gives what was missed`() async throws {
        let (world, signer) = try await self.world()
        let headers = ["Authorization: Bearer \(try await signer.token(#"{"channels":["people"]}"#))"]
        let client = try await world.connect("/listen/people?last-seen-id=latest", headers: headers)
        let position = try await client.envelope().id
        await client.cut()
        try await world.sql.notify("people", "missed")
        let back = try await world.connect("/listen/people?last-seen-id=\(position)", headers: headers)
        var message = try await back.envelope()
        if message.type == "live" { message = try await back.envelope() }
        #expect(message.payload == "missed")
    }
}
