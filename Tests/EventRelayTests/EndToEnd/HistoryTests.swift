import Foundation
import RelayTestSupport
import Testing

@Suite(.timeLimit(.minutes(2)))
struct HistoryTests {
    /// A channel with the events 1…count.
    private func world(count: Int, _ environment: [String: String] = [:]) async throws -> World {
        let world = try await World(environment: environment.merging(["ES_CHANNELS": "people,other"]) { $1 })
        let client = try await world.connect("/listen/people")
        try await world.sql.run(
            "SELECT pg_notify('people', number::text), pg_notify('other', 'x') FROM generate_series(1, \(count)) AS number"
        )
        for _ in 0..<count { _ = try await client.text() }
        return world
    }

    @Test
    func `the newest page comes by default, ascending, and pages go both ways`() async throws {
        let world = try await self.world(count: 250)
        let newest = try await world.history("/history/people")
        #expect(newest.events.map(\.payload) == (151...250).map { "\($0)" })
        #expect(newest.has_more && newest.recording && newest.floor == 0 && newest.recorded_since != nil)
        #expect(newest.newest == newest.events.last?.id && newest.head >= newest.newest ?? 0)

        let earlier = try await world.history("/history/people?before=\(newest.events[0].id)&limit=50")
        #expect(earlier.events.map(\.payload) == (101...150).map { "\($0)" })
        let later = try await world.history("/history/people?after=\(earlier.events[49].id)&limit=10")
        #expect(later.events.map(\.payload) == (151...160).map { "\($0)" } && later.has_more)
        let window = try await world.history(
            "/history/people?after=\(earlier.events[0].id)&before=\(earlier.events[4].id)"
        )
        #expect(window.events.map(\.payload) == ["102", "103", "104"] && !window.has_more)
        let part = try await world.get(
            "/history/people?after=\(earlier.events[0].id)&before=\(earlier.events[4].id)&limit=2"
        )
        #expect(part.header("Link")?.contains("&before=\(earlier.events[4].id)&limit=2>; rel=\"next\"") == true)
        let positions = try await world.history("/history/people?limit=0")
        #expect(positions.events.isEmpty && positions.newest == newest.newest && positions.oldest != nil)
        #expect(try await world.history("/history/people?limit=1000").events.count == 250)
    }

    @Test(arguments: ["next", "prev"])
    func `Link headers lead through the whole history`(relation: String) async throws {
        let world = try await self.world(count: 95)
        var target = relation == "next" ? "/history/people?after=0&limit=30" : "/history/people?limit=30"
        var pages: [[String?]] = []
        while true {
            let response = try await world.get(target)
            pages.append(try HistoryAnswer(parsing: response.body).events.map(\.payload))
            let links = (response.header("Link") ?? "").split(separator: ", ")
            guard let link = links.first(where: { $0.hasSuffix("rel=\"\(relation)\"") }) else { break }
            target = "/history/people" + link.dropFirst().prefix { $0 != ">" }
            try #require(pages.count < 10)
        }
        if relation == "prev" { pages.reverse() }
        #expect(pages.flatMap(\.self) == (1...95).map { "\($0)" })
        #expect(pages.count == 4)
    }

    @Test
    func `lines stream everything, of one channel, without a page limit`() async throws {
        let world = try await self.world(count: 3000)
        let response = try await HTTPTestClient.get(
            "/history/people",
            port: world.relay.port,
            headers: ["Accept": "application/x-ndjson"]
        )
        #expect(response.header("Content-Type") == "application/x-ndjson")
        let events = try response.body.split(separator: "\n").map { try Envelope(parsing: String($0)) }
        #expect(events.map(\.payload) == (1...3000).map { "\($0)" })
        let window = try await HTTPTestClient.get(
            "/history/people?after=\(events[9].id)&before=\(events[12].id)",
            port: world.relay.port,
            headers: ["Accept": "application/x-ndjson"]
        )
        #expect(
            try window.body.split(separator: "\n").map { try Envelope(parsing: String($0)).payload } == ["11", "12"]
        )
    }

    @Test
    func `HEAD, OPTIONS, other methods and foreign origins are answered as the contract says`() async throws {
        let world = try await self.world(count: 1, ["ES_CORSORIGINS": "https://shop.example"])
        let port = world.relay.port
        let full = try await world.get("/history/people")
        let head = try await HTTPTestClient.exchange(
            "HEAD /history/people HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            port: port
        )
        #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") && head.hasSuffix("\r\n\r\n"))
        #expect(head.contains("Content-Length: \(full.body.utf8.count)\r\n"))
        let allowed = try await HTTPTestClient.get(
            "/history/people",
            port: port,
            headers: ["Origin": "https://shop.example"]
        )
        #expect(allowed.header("Access-Control-Allow-Origin") == "https://shop.example")
        #expect(allowed.header("Vary") == "Origin")
        let foreign = try await HTTPTestClient.get(
            "/history/people",
            port: port,
            headers: ["Origin": "https://evil.example"]
        )
        #expect(foreign.status == 200 && foreign.header("Access-Control-Allow-Origin") == nil)
        let preflight = try await HTTPTestClient.get(
            "/history/people",
            port: port,
            method: "OPTIONS",
            headers: ["Origin": "https://shop.example"]
        )
        #expect(preflight.status == 204 && preflight.header("Access-Control-Allow-Methods")?.contains("GET") == true)
        for (target, method) in [
            ("/history/people", "POST"), ("/health", "DELETE"), ("/", "PUT"), ("/listen/people", "POST"),
        ] {
            let response = try await HTTPTestClient.get(target, port: port, method: method)
            #expect(response.status == 405 && response.header("Allow")?.contains("GET") == true)
            #expect(response.header("Content-Type") == "application/problem+json")
        }
        #expect(try await world.get("/listen/people").status == 426)
        #expect(try await world.get("/nowhere").status == 404)
        #expect(try await world.get("/history/" + String(repeating: "a", count: 9000)).status == 414)
        let huge = try await HTTPTestClient.exchange(
            "GET / HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "a", count: 70_000))\r\n\r\n",
            port: port
        )
        #expect(huge.hasPrefix("HTTP/1.1 431 "))
        let garbage = try await HTTPTestClient.exchange("this is no HTTP\r\n\r\n", port: port)
        #expect(garbage.hasPrefix("HTTP/1.1 400 "))
    }

    @Test(arguments: [
        "limit=-1", "limit=1001", "limit=abc", "limit=", "limit=1&limit=2", "after=-1", "after=x",
        "after=9007199254740992",
        "after=", "before=1.5", "before=1&before=2", "before=+1",
    ])
    func `bad parameters are named`(query: String) async throws {
        let world = try await World()
        let response = try await world.get("/history/people?\(query)")
        #expect(response.status == 400)
        #expect(response.body.contains("'\(query.prefix { $0 != "=" })'"))
    }

    @Test
    func `a channel that is not recorded is empty, and one that is not allowed is refused`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "public.*"])
        let answer = try await world.history("/history/public.quiet")
        #expect(!answer.recording && answer.events.isEmpty && answer.newest == nil && answer.recorded_since == nil)
        #expect(!(try await world.history("/history/public.quiet").recording))
        #expect(try await world.get("/history/secret").status == 403)
        #expect(try await world.get("/history/").status == 400)
    }

    @Test
    func `everything lies below BasePath, and the page says where the WebSockets are`() async throws {
        let world = try await World(environment: ["ES_BASEPATH": "/events"])
        #expect(try await world.get("/").status == 404)
        #expect(try await world.get("/events/health").status == 200)
        let redirection = try await world.get("/events?channel=a&at=5")
        #expect(redirection.status == 308 && redirection.header("Location") == "/events/?channel=a&at=5")
        let page = try await world.get("/events/")
        #expect(page.status == 200 && page.header("Content-Type") == "text/html; charset=utf-8")
        #expect(page.body.contains("ws://127.0.0.1:\(world.relay.port)/events"))
        #expect(!page.body.contains("{{"))
        let proxied = try await HTTPTestClient.get(
            "/events/index.html",
            port: world.relay.port,
            headers: ["X-Forwarded-Host": "shop.example", "X-Forwarded-Proto": "https"]
        )
        #expect(proxied.body.contains("wss://shop.example/events"))
        let forwarded = try await HTTPTestClient.get(
            "/events/",
            port: world.relay.port,
            headers: ["Forwarded": "for=1.2.3.4;host=\"a.example:81\";proto=https, for=5.6.7.8"]
        )
        #expect(forwarded.body.contains("wss://a.example:81/events"))
        let hostile = try await HTTPTestClient.get(
            "/events/",
            port: world.relay.port,
            headers: ["X-Forwarded-Host": "\"><script>alert(1)</script>"]
        )
        #expect(!hostile.body.contains("<script>alert"))
        for file in ["viewer.css", "viewer.js"] { #expect(try await world.get("/events/\(file)").status == 200) }
        #expect(try await world.get("/events/../etc/passwd").status == 404)
    }

    @Test
    func `the JavaScript client is there for every origin, also beside a page of one's own`() async throws {
        let folder = try TemporaryFolder()
        try "<p>mine</p>".write(toFile: folder.file("index.html"), atomically: true, encoding: .utf8)
        for environment in [[:], ["ES_ASSETSPATH": folder.path]] {
            let world = try await World(environment: environment)
            let client = try await HTTPTestClient.get(
                "/client.js",
                port: world.relay.port,
                headers: ["Origin": "https://shop.example"]
            )
            #expect(client.status == 200 && client.body.contains("export const connect"))
            #expect(client.header("Content-Type") == "text/javascript; charset=utf-8")
            #expect(client.header("Access-Control-Allow-Origin") == "*")
            #expect(try await world.get("/client.d.ts").body.contains("export function connect"))
            #expect(try await world.get("/").body.contains("mine") == !environment.isEmpty)
            #expect(try await world.get("/viewer.js").status == (environment.isEmpty ? 200 : 404))
        }
    }

    @Test
    func `an answer ends where it says, whatever the method and version`() async throws {
        let world = try await self.world(count: 2)
        let port = world.relay.port
        let lines = "Host: x\r\nAccept: application/x-ndjson\r\n"
        // Nothing behind the head that a client could take for the next answer.
        let head = try await HTTPTestClient.exchange("HEAD /history/people HTTP/1.1\r\n\(lines)\r\n", port: port)
        #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") && head.hasSuffix("\r\n\r\n"))
        #expect(head.components(separatedBy: "\r\n\r\n").count == 2)
        // Without chunks, the end of the lines is the end of the connection, also if it was to be kept.
        let old = try await HTTPTestClient.exchange(
            "GET /history/people HTTP/1.0\r\n\(lines)Connection: keep-alive\r\n\r\n",
            port: port
        )
        let body = try #require(old.components(separatedBy: "\r\n\r\n").last)
        #expect(try body.split(separator: "\n").map { try Envelope(parsing: String($0)).payload } == ["1", "2"])
        #expect(old.contains("Connection: close\r\n") && !old.lowercased().contains("chunked"))
        // Who waits for a 100 is answered at once.
        let waiting = try await HTTPTestClient.exchange(
            "POST /history/people HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
            port: port
        )
        #expect(waiting.hasPrefix("HTTP/1.1 417 ") && waiting.contains("application/problem+json"))
        // Requests that are sent without waiting are answered one after the other, each whole.
        let pipelined = try await HTTPTestClient.exchange(
            String(repeating: "GET /history/people HTTP/1.1\r\nHost: x\r\n\r\n", count: 20)
                + "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            port: port
        )
        #expect(pipelined.components(separatedBy: "HTTP/1.1 200 OK\r\n").count == 22)
        #expect(pipelined.components(separatedBy: #""recording":true"#).count == 21)
        #expect(pipelined.contains(#""status":"ok""#))
    }
}
