import RelayTestSupport
import Testing

@Suite(.timeLimit(.minutes(2)))
struct OriginTests {
    @Test
    func `origins are enforced on upgrades unless all are allowed`() async throws {
        let world = try await World(environment: ["ES_CORSORIGINS": "https://shop.example, https://*.shop.example"])
        _ = try await world.connect("/listen/x")
        for origin in ["https://shop.example", "https://a.b.shop.example"] {
            _ = try await world.connect("/listen/x", headers: ["Origin: \(origin)"])
        }
        for origin in [
            "https://evil.example", "https://shop.example.evil.example", "https://evilshop.example", "null",
            "http://a.shop.example",
        ] {
            let refused = await #expect(throws: UpgradeRefused.self) {
                try await world.connect("/listen/x", headers: ["Origin: \(origin)"])
            }
            #expect(refused?.status == 403 && refused?.response.contains("CORSOrigins") == true, "\(origin)")
        }
        let open = try await World()
        _ = try await open.connect("/listen/x", headers: ["Origin: https://anything.example"])
    }

    @Test
    func `the relay's own pages may always connect, as it is reached directly and through its proxy`() async throws {
        let proxied = [
            "Origin: https://events.example", "X-Forwarded-Host: events.example", "X-Forwarded-Proto: https",
        ]
        let alone = try await World(environment: ["ES_CORSORIGINS": "https://shop.example"])
        _ = try await alone.connect("/listen/x", headers: ["Origin: http://127.0.0.1:\(alone.relay.port)"])
        let refused = await #expect(throws: UpgradeRefused.self) {
            try await alone.connect("/listen/x", headers: proxied)
        }
        #expect(refused?.status == 403)
        let behind = try await World(
            environment: ["ES_CORSORIGINS": "https://shop.example", "ES_TRUSTEDPROXIES": "loopback"]
        )
        _ = try await behind.connect("/listen/x", headers: proxied)
        let named = try await World(
            environment: ["ES_CORSORIGINS": "https://shop.example", "ES_URLBASE": "https://events.example"]
        )
        _ = try await named.connect("/listen/x", headers: ["Origin: https://events.example"])
        // A name of somebody's own that leads here.
        let rebound = await #expect(throws: UpgradeRefused.self) {
            try await named.connect("/listen/x", headers: ["Origin: http://127.0.0.1:\(named.relay.port)"])
        }
        #expect(rebound?.status == 403)
    }

    @Test(arguments: [
        ("/listen/x", "GET, OPTIONS"), ("/history/x", "GET, HEAD, OPTIONS"), ("/health", "GET, HEAD, OPTIONS"),
        ("/channels", "GET, HEAD, OPTIONS"),
    ])
    func `a browser that asks beforehand is told all it needs`(target: String, methods: String) async throws {
        let world = try await World(
            environment: ["ES_CORSORIGINS": "https://*.shop.example", "ES_CHANNELS": "elsewhere"]
        )
        func preflight(_ origin: String) async throws -> HTTPTestClient.Response {
            try await HTTPTestClient.get(
                target,
                port: world.relay.port,
                method: "OPTIONS",
                headers: [
                    "Origin": origin, "Access-Control-Request-Method": "GET",
                    "Access-Control-Request-Headers": "authorization, last-event-id",
                ]
            )
        }
        let allowed = try await preflight("https://a.shop.example")
        #expect(allowed.status == 204 && allowed.body.isEmpty)
        #expect(allowed.header("Access-Control-Allow-Origin") == "https://a.shop.example")
        #expect(allowed.header("Access-Control-Allow-Methods") == methods && allowed.header("Allow") == methods)
        let headers = "Authorization, Last-Event-ID, Accept, Content-Type"
        #expect(allowed.header("Access-Control-Allow-Headers") == headers)
        #expect(allowed.header("Access-Control-Max-Age") == "600" && allowed.header("Vary") == "Origin")
        let foreign = try await preflight("https://evil.example")
        #expect(foreign.status == 204 && foreign.header("Access-Control-Allow-Origin") == nil)
    }
}
