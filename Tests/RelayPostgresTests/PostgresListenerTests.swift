import Dispatch
import RelayCore
import RelayPostgres
import RelayTestSupport
import Testing

/// The listener itself against a real server, with heartbeats that follow one another quickly.
@Suite(.timeLimit(.minutes(1)))
struct PostgresListenerTests {
    private static let timing = HeartbeatTiming(
        interval: .milliseconds(20),
        silence: .seconds(1),
        firstListen: .seconds(30),
        queueUsage: .seconds(20),
        verification: .seconds(5)
    )

    /// Runs a listener during `body`, then stops it and waits for its end.
    /// - Parameter channel: asked for before it connects.
    private func run(
        _ listener: PostgresListener,
        listeningTo channel: ChannelName? = nil,
        _ body: (PostgresListener) async throws -> Void
    ) async throws {
        if let channel { listener.listen(to: channel) }
        try await withThrowingTaskGroup { group in
            group.addTask { await listener.run() }
            do {
                try await body(listener)
            } catch {
                group.cancelAll()
                throw error
            }
            group.cancelAll()
        }
    }

    private func reports(of listener: PostgresListener, until isLast: (SourceReport) -> Bool) async -> [SourceReport] {
        var seen: [SourceReport] = []
        while let reports = await listener.reports.next(.standard) {
            seen.append(contentsOf: reports)
            if reports.contains(where: isLast) { break }
        }
        return seen
    }

    private func isHeartbeat(_ report: SourceReport) -> Bool {
        if case .heartbeat = report { true } else { false }
    }

    @Test
    func `heartbeats are heard again and again, and are no notifications`() async throws {
        let database = try await EphemeralPostgres.shared.get().makeDatabase()
        let beating = PostgresListener(connectionString: database, timing: Self.timing)
        try await self.run(beating, listeningTo: "a") { listener in
            var seen = await self.reports(of: listener, until: self.isHeartbeat)
            while seen.count(where: self.isHeartbeat) < 5 {
                seen += await self.reports(of: listener, until: self.isHeartbeat)
            }
            let kinds = seen.filter { !self.isHeartbeat($0) }
            guard case .connected(["a"], _)? = kinds.first, kinds.count == 1 else {
                Issue.record("\(kinds)")
                return
            }
            try await SQLSession(database).notify("a", "1")
            let notification = SourceReport.notifications([Notification(channel: "a", payload: Payload("1"))])
            let last = await self.reports(of: listener) { $0 == notification }.filter { !self.isHeartbeat($0) }
            #expect(last == [notification])
        }
    }

    private static let curious = HeartbeatTiming(
        interval: .milliseconds(20),
        silence: .seconds(10),
        firstListen: .seconds(30),
        queueUsage: .milliseconds(1),
        verification: .seconds(5)
    )

    @Test
    func `PostgreSQL says how full its notification queue is, again and again`() async throws {
        let database = try await EphemeralPostgres.shared.get().makeDatabase()
        try await self.run(PostgresListener(connectionString: database, timing: Self.curious)) { listener in
            for _ in 1...3 {
                func share(_ report: SourceReport) -> Double? {
                    if case .queueUsage(let share) = report { share } else { nil }
                }
                let seen = await self.reports(of: listener) { share($0) != nil }
                // Others may have come with it.
                let answer = try #require(seen.compactMap(share).last, "no answer: \(seen)")
                #expect((0..<1).contains(answer))
            }
        }
    }

    @Test
    func `a role that may not ask is listened for all the same`() async throws {
        let postgres = try EphemeralPostgres.shared.get()
        let database = try await postgres.makeDatabase()
        let control = try SQLSession(database)
        let name = try #require(database.firstMatch(of: /test_\d+/)).0
        let role = "curious_\(name)"
        try await control.run("CREATE ROLE \(role) LOGIN PASSWORD 'secret'")
        try await control.run("REVOKE EXECUTE ON FUNCTION pg_notification_queue_usage() FROM PUBLIC")
        let connection = "host=\(postgres.host) dbname=\(name) user=\(role) password=secret"
        let denied = PostgresListener(connectionString: connection, timing: Self.curious)
        try await self.run(denied, listeningTo: "a") { listener in
            var seen: [SourceReport] = []
            while seen.count(where: self.isHeartbeat) < 10 {
                seen += await self.reports(of: listener, until: self.isHeartbeat)
            }
            try await control.notify("a", "1")
            let notification = SourceReport.notifications([Notification(channel: "a", payload: Payload("1"))])
            seen += await self.reports(of: listener) { $0 == notification }
            let others = seen.filter { !self.isHeartbeat($0) }
            guard case .connected(["a"], _)? = others.first else {
                Issue.record("\(others)")
                return
            }
            #expect(others.dropFirst() == [.queueUsage(nil), notification], "asked once, and no failure")
        }
    }

    @Test
    func `while the relay takes nothing, the connection is not given up`() async throws {
        let postgres = try EphemeralPostgres.shared.get()
        let database = try await postgres.makeDatabase()
        let clock = try await postgres.makeDatabase()
        let full = PostgresListener(connectionString: database, timing: Self.timing, capacity: 100)
        try await self.run(full, listeningTo: "a") { listener in
            // The first two reports fill the queue; the socket is left alone for longer than silence may last.
            try await self.run(PostgresListener(connectionString: clock, timing: Self.timing)) { other in
                var beats = 0
                while beats < 100 {
                    beats += await self.reports(of: other, until: self.isHeartbeat).count(where: self.isHeartbeat)
                }
            }
            try await SQLSession(database).notify("a", "1")
            let notification = SourceReport.notifications([Notification(channel: "a", payload: Payload("1"))])
            let seen = await self.reports(of: listener) { $0 == notification }
            let isLost = seen.contains { if case .disconnected = $0 { true } else { false } }
            #expect(!isLost)
        }
    }

    @Test
    func `while single notifications come fast the thread pauses in reading, and nothing is lost`() async throws {
        let database = try await EphemeralPostgres.shared.get().makeDatabase()
        let isPausing = Watched(false)
        let goOn = DispatchSemaphore(value: 0)
        // The first pause lasts for as long as the test likes, the others no time.
        let listener = PostgresListener(
            connectionString: database,
            // Any machine is as fast as that.
            pace: ReadPace(fast: 1),
            pause: { _ in
                if isPausing.value { return }
                isPausing.change { $0 = true }
                _ = goOn.wait(timeout: .now() + 20)
            }
        )
        try await self.run(listener, listeningTo: "a") { listener in
            _ = await self.reports(of: listener, until: self.isHeartbeat)
            let publisher = try SQLSession(database)
            var published = 0
            func publish() async throws {
                try await publisher.notify("a", "\(published)")
                published += 1
            }
            // After a tenth of a second of them it pauses.
            while !isPausing.value, published < 100_000 { try await publish() }
            try #require(isPausing.value)
            for _ in 0..<20 { try await publish() }
            goOn.signal()
            var heard: [[Notification]] = []
            while heard.joined().count < published {
                let reports = await self.reports(of: listener) { _ in true }
                try #require(!reports.isEmpty, "it has ended")
                for case .notifications(let notifications) in reports { heard.append(notifications) }
            }
            let expected = (0..<published).map { Notification(channel: "a", payload: Payload("\($0)")) }
            #expect(Array(heard.joined()) == expected)
            // What came during the pause was read together.
            #expect(heard.count < published)
        }
    }

    @Test
    func `what came before LISTEN failed is reported before the end of the connection`() async throws {
        let server = try ScriptedServer { query in
            if query.contains(#"LISTEN "b""#) { return [.notification("a", "1"), .error("57014", "canceled")] }
            guard let heartbeat = query.firstMatch(of: /pg_notify\('(\w+)', '(\d+)'\)/) else { return [.done] }
            return [.done, .notification(String(heartbeat.1), String(heartbeat.2))]
        }
        try await self.run(PostgresListener(connectionString: server.url), listeningTo: "a") { listener in
            _ = await self.reports(of: listener, until: self.isHeartbeat)
            listener.listen(to: "b")
            let seen = await self.reports(of: listener) { if case .disconnected = $0 { true } else { false } }
            #expect(seen.first == .notifications([Notification(channel: "a", payload: Payload("1"))]))
        }
    }
}

extension PostgresListenerTests {
    @Test
    func `an answer with a row and nothing in it is an answer`() async throws {
        let server = try ScriptedServer { query in
            guard let heartbeat = query.firstMatch(of: /pg_notify\('(\w+)', '(\d+)'\)/) else {
                return ScriptedServer.Message.emptyRow + [.done]
            }
            return [.done, .notification(String(heartbeat.1), String(heartbeat.2))]
        }
        try await self.run(PostgresListener(connectionString: server.url), listeningTo: "a") { listener in
            let seen = await self.reports(of: listener, until: self.isHeartbeat)
            guard case .connected(["a"], _)? = seen.first else {
                Issue.record("\(seen)")
                return
            }
        }
    }

    @Test(arguments: [true, false])
    func `a database that doesn't say what its bytes mean is asked for them as they are, and not for ever`(
        answers: Bool
    ) async throws {
        let end = DispatchSemaphore(value: 0)
        let queries = Watched<[String]>([])
        let server = try ScriptedServer(encoding: "SQL_ASCII") { query in
            queries.change { $0.append(query) }
            if query.contains("client_encoding") {
                // It falls silent right after the handshake.
                if !answers { _ = end.wait(timeout: .now() + 20) }
                return [.done]
            }
            guard let heartbeat = query.firstMatch(of: /pg_notify\('(\w+)', '(\d+)'\)/) else { return [.done] }
            return [.done, .notification(String(heartbeat.1), String(heartbeat.2))]
        }
        defer { end.signal() }
        let listener = PostgresListener(connectionString: server.url, timing: Self.timing)
        try await self.run(listener, listeningTo: "a") { listener in
            let seen = await self.reports(of: listener) { _ in true }
            let encodings = queries.value.filter { $0.lowercased().contains("client_encoding") }
            #expect(encodings.count == 1 && encodings[0].contains("SQL_ASCII"))
            switch seen.first {
            case .connected(["a"], _) where answers: break
            case .disconnected(cause: .silent, _) where !answers: break
            default: Issue.record("\(seen)")
            }
        }
    }

    @Test
    func `while the relay takes nothing, a channel that is asked for makes it take no more`() async throws {
        let asked = Watched<[String]>([])
        let server = try ScriptedServer { query in
            asked.change { $0.append(query) }
            // Notifications come with whatever PostgreSQL answers.
            if query.contains(#"LISTEN "x"#) { return [.done, .notification("a", "1")] }
            guard let heartbeat = query.firstMatch(of: /pg_notify\('(\w+)', '(\d+)'\)/) else { return [.done] }
            return [.done, .notification(String(heartbeat.1), String(heartbeat.2))]
        }
        // The first two reports fill the queue.
        let full = PostgresListener(connectionString: server.url, capacity: 100)
        try await self.run(full, listeningTo: "a") { listener in
            try await asked.when { $0.contains { $0.contains("pg_notify") } }
            listener.listen(to: "x1")
            try await asked.when { $0.contains { $0.contains("x1") } }
            // A command waits for the answer to the one before it, which is not read.
            listener.listen(to: "x2")
            await #expect(throws: (any Error).self) {
                try await asked.when(within: .seconds(1)) { $0.contains { $0.contains("x2") } }
            }
            let seen = await self.reports(of: listener) { $0 == .listening("x2") }
            #expect(seen.contains(.listening("x1")))
            #expect(seen.count { if case .notifications = $0 { true } else { false } } >= 1)
        }
    }
}

struct PostgresErrorTests {
    @Test(arguments: [
        (#"connection to server on socket "/x/.s.PGSQL.1" failed: No such file or directory"#, OutageCause.unreachable),
        (#"could not translate host name "x" to address: Name or service not known"#, .unreachable),
        (#"connection to server at "::1", port 1 failed: FATAL:  the database system is starting up"#, .refused),
        (#"connection to server at "::1", port 1 failed: ВАЖНО:  роль "x" не существует"#, .refused),
        (#"connection to server at "::1", port 1 failed: session is read-only"#, .standby),
        (#"connection to server at "::1", port 1 failed: server is in hot standby mode"#, .standby),
    ])
    func `what libpq says of a failed connection tells who said no`(message: String, cause: OutageCause) {
        #expect(PostgresError.connect(message).cause == cause)
    }
}
