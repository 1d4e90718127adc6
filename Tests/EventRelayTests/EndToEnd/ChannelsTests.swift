import RelayTestSupport
import Testing

/// `GET /channels`.
@Suite(.timeLimit(.minutes(2)))
struct ChannelsTests {
    @Test
    func `it tells what is recorded, how much there is, and who listens`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "named,z*,\"quo\"ted"])
        let clients = try await [world.connect("/listen/zoo"), world.connect("/listen/zoo?last-seen-id=0")]
        for payload in ["1", "ä"] { try await world.sql.notify("zoo", payload) }
        for payload in ["1", "ä"] { #expect(try await clients[0].text() == payload) }
        let history = try await world.history("/history/zoo")

        let answer = try await world.get("/channels")
        #expect(answer.status == 200 && answer.header("Content-Type") == "application/json")
        let channels = try ChannelsAnswer(parsing: answer.body)
        #expect(channels.channels.map(\.channel) == ["\"quo\"ted", "named", "zoo"])
        #expect(channels.channels.map(\.events) == [0, 0, 2] && channels.channels.map(\.bytes) == [0, 0, 3])
        #expect(channels.channels.map(\.subscribers) == [0, 0, 2])
        let zoo = try #require(channels.channels.last)
        #expect(zoo.oldest == history.oldest && zoo.newest == history.newest && zoo.floor == 0)
        #expect(zoo.recorded_since == history.recorded_since && zoo.recorded_since != nil)
        #expect(channels.head == history.head && channels.counted.hasSuffix("Z"))
        #expect(channels.channels[1].newest == nil && channels.channels[1].recorded_since != nil)

        let head = try await HTTPTestClient.get("/channels", port: world.relay.port, method: "HEAD")
        #expect(head.status == 200 && head.body.isEmpty && head.header("Content-Length") == "\(answer.body.utf8.count)")
        let post = try await HTTPTestClient.get("/channels", port: world.relay.port, method: "POST")
        #expect(post.status == 405 && post.header("Allow") == "GET, HEAD, OPTIONS")
        #expect(try await world.get("/channels/zoo").status == 404)
        #expect(try await world.get("/metrics").body.contains(#"{route="channels",status="200"} "#))
    }

    @Test
    func `it is not on the operators' port, and the viewer's port has it`() async throws {
        let world = try await World(environment: ["ES_ADMINPORT": "0"])
        let admin = RelayProcess.port(in: try #require(world.relay.log().first { $0.contains("operators are served") }))
        #expect(try await HTTPTestClient.get("/channels", port: admin).status == 404)
        #expect(try await world.get("/channels").status == 200)
    }
}
