import RelayTestSupport
import Testing

@Suite(.timeLimit(.minutes(3)))
struct ResumeTests {
    @Test(arguments: Transport.allCases)
    func `clients that are cut at random moments and come back get every event exactly once`(
        transport: Transport
    ) async throws {
        let world = try await World(environment: ["ES_CHANNELS": "traffic"])
        let traffic = Traffic(channel: "traffic", publishers: 4, eventsEach: 500 * RandomTests.size)
        var seeds = RandomTests.generator("cut at random moments")
        let port = world.relay.port
        let clients = try await withThrowingTaskGroup(of: ResumingClient.self) { group in
            for _ in 0..<8 {
                var generator = SeededGenerator(seed: seeds.next())
                group.addTask {
                    var client = ResumingClient(channel: "traffic", over: transport)
                    try await client.follow(port: { port }, cutAfter: 0...200, &generator)
                    return client
                }
            }
            try await traffic.publish(to: world.database)
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for client in clients {
            #expect(client.events.count == traffic.publishers * traffic.eventsEach + 1)
            #expect(client.gaps.isEmpty)
            expectOrderedOnce(client)
        }
    }

    @Test(arguments: Transport.allCases)
    func `a client that does not read for a while gets everything in order once it reads again`(
        transport: Transport
    ) async throws {
        let world = try await World(environment: ["ES_CHANNELS": "slow"])
        let client = try await world.follow("/listen/slow?last-seen-id=latest", over: transport, receiveBuffer: 4096)
        let raw = try await WebSocketTestClient.connect(port: world.relay.port, "/listen/slow", receiveBuffer: 4096)
        let healthy = try await world.connect("/listen/slow?last-seen-id=latest")
        #expect(try await client.envelope().type == "live")
        #expect(try await healthy.envelope().type == "live")
        try await client.setReading(false)
        try await raw.setReading(false)
        // 8 MB for each: far more than the sockets and the relay's own buffer hold.
        let count = 2000
        let padding = String(repeating: "x", count: 4000)
        try await world.sql.runEach((0..<count).map { "SELECT pg_notify('slow', '\($0):\(padding)')" })
        for number in 0..<count {
            #expect(try await healthy.envelope().payload?.hasPrefix("\(number):") == true)
        }
        try await client.setReading(true)
        try await raw.setReading(true)
        for number in 0..<count {
            #expect(try await client.envelope().payload?.hasPrefix("\(number):") == true)
            #expect(try await raw.text().hasPrefix("\(number):"))
        }
        // Live again: what comes now comes at once.
        try await world.sql.notify("slow", "now")
        #expect(try await client.envelope().payload == "now")
        #expect(try await raw.text() == "now")
    }

    @Test
    func `a raw client that fell behind what the log keeps is sent away with 1013`() async throws {
        let world = try await World(environment: ["ES_CHANNELS": "slow", "ES_LOGMAXEVENTS": "100"])
        let raw = try await WebSocketTestClient.connect(port: world.relay.port, "/listen/slow", receiveBuffer: 4096)
        try await raw.setReading(false)
        let padding = String(repeating: "x", count: 7000)
        try await world.sql.runEach((0..<1000).map { "SELECT pg_notify('slow', '\($0):\(padding)')" })
        try await raw.setReading(true)
        var last: WebSocketTestClient.Message?
        while let message = try await raw.next() { last = message }
        #expect(last == .close(code: 1013, reason: "fell behind what the log keeps"))
    }

    @Test(arguments: Transport.allCases)
    func `a client that fell behind what the log keeps is told the gap and goes on`(
        transport: Transport
    ) async throws {
        let world = try await World(environment: ["ES_CHANNELS": "slow", "ES_LOGMAXEVENTS": "100"])
        let client = try await world.follow("/listen/slow?last-seen-id=latest", over: transport, receiveBuffer: 4096)
        #expect(try await client.envelope().type == "live")
        try await client.setReading(false)
        let padding = String(repeating: "x", count: 7000)
        try await world.sql.runEach((0..<1000).map { "SELECT pg_notify('slow', '\($0):\(padding)')" })
        try await client.setReading(true)
        var previous: Envelope?
        var gap: Envelope?
        while true {
            let message = try await client.envelope()
            if message.type == "gap" { gap = message }
            // Numbers are missing exactly where the gap stands.
            let number = message.payload.flatMap { Int($0.prefix { $0 != ":" }) }
            let previousNumber = previous?.payload.flatMap { Int($0.prefix { $0 != ":" }) }
            if let number, let previousNumber { #expect(number == previousNumber + 1) }
            if number == 999 { break }
            previous = message
        }
        #expect(gap?.reason == "evicted")
        #expect((gap?.before ?? 0) == (gap?.id ?? 0) + 1)
    }

    @Test(arguments: Transport.allCases)
    func `positions at, around and beyond the ends of the log are answered as the contract says`(
        transport: Transport
    ) async throws {
        let world = try await World(environment: ["ES_CHANNELS": "ring", "ES_LOGMAXEVENTS": "64"])
        try await world.sql.runEach((1...130).map { "SELECT pg_notify('ring', '\($0)')" })
        let listening = try await world.connect("/listen/ring?last-seen-id=latest")
        _ = try await listening.envelope()
        try await world.sql.notify("ring", "131")
        var newest = try await listening.envelope()
        while newest.payload != "131" { newest = try await listening.envelope() }
        let head = newest.id
        let history = try await world.history("/history/ring?limit=1000")
        let floor = history.floor
        let oldest = try #require(history.oldest)
        #expect(history.events.count <= 64)

        func messages(after id: Int64, log: String = "") async throws -> [Envelope] {
            let client = try await world.follow("/listen/ring?last-seen-id=\(id)\(log)", over: transport)
            var messages: [Envelope] = []
            repeat { messages.append(try await client.envelope()) } while messages.last?.type != "live"
            return messages
        }

        let below = try await messages(after: floor - 1)
        #expect(below[0].reason == "evicted" && below[0].after == floor - 1 && below[0].before == floor + 1)
        #expect(below[1].id == oldest)
        let all = try await messages(after: 0)
        #expect(all[0].lost == 131 - history.events.count)
        #expect(all.count == history.events.count + 2)
        let atFloor = try await messages(after: floor)
        #expect(atFloor[0].id == oldest && atFloor.count == history.events.count + 1)
        let atHead = try await messages(after: head)
        #expect(atHead.map(\.type) == ["live"] && atHead[0].id == head)
        let beyond = try await messages(after: head + 1)
        #expect(beyond.map(\.type) == ["gap", "live"])
        #expect(beyond[0].reason == "ahead" && beyond[0].after == head)
        let log = try #require(atHead[0].log)
        #expect(try await messages(after: head, log: "&log=\(log)").map(\.type) == ["live"])
        #expect(try await messages(after: head, log: "&log=another").map(\.reason) == ["replaced", nil])
        #expect(try await messages(after: 1)[0].reason == "replaced")
    }

    @Test(arguments: Transport.allCases)
    func `a channel that is asked for the first time tells a cursor from before that it was not recorded`(
        transport: Transport
    ) async throws {
        let world = try await World()
        let first = try await world.follow("/listen/one?last-seen-id=latest", over: transport)
        let position = try await first.envelope().id
        try await world.sql.notify("two", "nobody listens")
        let second = try await world.follow("/listen/two?last-seen-id=\(position)", over: transport)
        let gap = try await second.envelope()
        #expect(gap.type == "gap" && gap.reason == "unrecorded" && gap.channel == "two")
        #expect(try await second.envelope().type == "live")
        // Who claims nothing about the past is told nothing about it.
        let third = try await world.follow("/listen/two?last-seen-id=0", over: transport)
        #expect(try await third.envelope().type == "live")
        // A channel that was merely quiet is no gap.
        let fourth = try await world.follow("/listen/one?last-seen-id=\(position)", over: transport)
        #expect(try await fourth.envelope().type == "live")
    }
}
