import Glibc
import RelayTestSupport
import Testing

/// `pg_eventrelay health`, as another process than the one that serves.
@Suite(.timeLimit(.minutes(2)))
struct HealthCommandTests {
    /// What it prints and with which status it ends.
    private func health(
        _ arguments: [String] = [],
        environment: [String: String]
    ) async throws -> (status: Int32, text: String) {
        let command = try RelayProcess(["health"] + arguments, environment: environment)
        let status = try await command.exitStatus()
        return (status, command.log().joined(separator: "\n"))
    }

    @Test
    func `it prints the answer, and ends with 0 while events reach the log`() async throws {
        let world = try await World(environment: ["ES_BASEPATH": "/events"])
        // Where it listens everywhere, it is asked on this machine.
        for host in ["0.0.0.0", "127.0.0.1"] {
            let (status, text) = try await self.health(
                ["--port", "\(world.relay.port)", "--host", host],
                environment: ["ES_BASEPATH": "/events"]
            )
            #expect(status == 0 && text.hasPrefix(#"{"status":"ok""#), "\(text)")
        }
        // Another path is none of a relay's.
        #expect(try await self.health(["--port", "\(world.relay.port)"], environment: [:]).status == 1)
    }

    @Test
    func `without PostgreSQL it ends with 1, and with 0 where any answer will do`() async throws {
        let folder = try TemporaryFolder()
        let relay = try await RelayProcess.start(database: "host=/nowhere", folder: folder.path)
        let environment = ["ES_HTTPPORT": "\(relay.port)"]
        let (status, text) = try await self.health(environment: environment)
        #expect(status == 1)
        #expect(text.contains(#"{"status":"unavailable""#))
        #expect(text.contains("pg_eventrelay: the relay answered 503"), "\(text)")
        #expect(try await self.health(["--alive"], environment: environment).status == 0)
        #expect(try await relay.stop() == 0)
        let (statusAfterStop, textAfterStop) = try await self.health(["--alive"], environment: environment)
        #expect(statusAfterStop == 1 && textAfterStop.contains("no relay answers at 127.0.0.1:\(relay.port)"))
        #expect(textAfterStop.contains("Connection refused"), "\(textAfterStop)")
    }

    @Test
    func `what listens and says nothing is no relay`() async throws {
        let silent = try await SilentServer()
        let (status, text) = try await self.health(environment: ["ES_HTTPPORT": "\(silent.port)"])
        #expect(status == 1 && text.contains("no answer within 5 s"), "\(text)")
    }

    @Test
    func `a port that nobody knows is a wrong setting`() async throws {
        let (status, text) = try await self.health(environment: ["ES_HTTPPORT": "0"])
        #expect(status == 78 && text.contains("--port"), "\(text)")
    }
}
