import Logging
import RelayCore
import RelayTestSupport
import Testing

@testable import RelayObservability

struct LogTextTests {
    @Test(arguments: [
        ("people", "people"), ("", #""""#), ("two words", #""two words""#), ("a=b", #""a=b""#),
        ("line\nbreak", #""line\u{a}break""#), ("\u{1b}[31mred", #""\u{1b}[31mred""#), (#"q"q"#, #""q\"q""#),
        ("\u{202e}evil", #""\u{202e}evil""#), ("\u{2028}", #""\u{2028}""#), ("café-🐎", "café-🐎"),
    ])
    func `what a client sends can't look like another line or field`(text: String, logged: String) {
        #expect(logText(text) == logged)
    }
}

struct ProcessFiguresTests {
    @Test func `the fields are counted from behind the name, whatever the name is`() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 250 50 13 14 15 16 17 18 1000 20 300 22"
        for name in ["relay", "a b", ") 1 2 (", "))"] {
            let figures = ProcessFigures(stat: "42 (\(name)) \(rest)", ticks: 100, pageSize: 4_096)
            #expect(figures?.cpuSeconds == 3)
            #expect(figures?.startSeconds == 10)
            #expect(figures?.residentBytes == 1_228_800)
        }
    }

    @Test(arguments: [
        "", "42 (relay", "42 (relay) S 1 2 3", "42 (relay) S a b c d e f g h i j k l m n o p q r s t u v",
    ])
    func `what is cut short tells nothing`(stat: String) {
        #expect(ProcessFigures(stat: stat, ticks: 100, pageSize: 4_096) == nil)
    }

    @Test func `the kernel tells of this process`() throws {
        let figures = try #require(ProcessFigures.read())
        #expect(figures.residentBytes > 1_048_576)
        #expect(ProcessFigures.bootTime() + figures.startSeconds > 1_600_000_000)
    }
}

@Suite(.timeLimit(.minutes(1)))
struct AccessLogTests {
    /// Keeps what is logged.
    private struct Handler: LogHandler {
        let lines: Watched<[String]>
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let fields = (event.metadata ?? [:]).map { "\($0.key)=\($0.value)" }.sorted()
            let line = "\(event.level) \(event.message) \(fields.joined(separator: " "))"
            self.lines.change { $0.append(line) }
        }
    }

    private final class QueueExecutor: SerialExecutor {
        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            Task { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
        }
    }

    private let lines = Watched<[String]>([])

    private func makeLog(_ level: Logger.Level = .info) -> AccessLog {
        let logger = Logger(label: "test") { _ in Handler(lines: self.lines, logLevel: level) }
        return AccessLog(logger: logger, executor: QueueExecutor())
    }

    private func end(channel: ChannelName = "people", subject: String? = nil) -> Observation {
        .subscriberLeft(
            FinishedSubscriber(
                address: "192.0.2.7",
                subject: subject,
                selection: ChannelSelection(channel),
                kind: .enveloped,
                duration: .milliseconds(1_500),
                events: 3,
                bytes: 400,
                side: .relay,
                code: 1001,
                reason: "shutting down"
            )
        )
    }

    private let request = Observation.requestAnswered(
        AnsweredRequest(
            address: "::1",
            method: "GET",
            path: "/history/a b",
            route: .history,
            status: 200,
            bytes: 9,
            duration: .milliseconds(2)
        )
    )

    @Test func `a line for each WebSocket that ends, and for requests only where debug messages are logged`() async {
        let log = self.makeLog()
        log.observe(self.end())
        log.observe(self.request)
        log.observe(self.end(channel: "a\nb", subject: "ada"))
        log.finish()
        await log.run()
        #expect(
            self.lines.value == [
                "info WebSocket ended address=192.0.2.7 bytes=400 channel=people code=1001 ended-by=relay events=3 "
                    + "kind=enveloped reason=\"shutting down\" seconds=1.5",
                "info WebSocket ended address=192.0.2.7 bytes=400 channel=\"a\\u{a}b\" code=1001 ended-by=relay "
                    + "events=3 kind=enveloped reason=\"shutting down\" seconds=1.5 subject=ada",
            ]
        )
        let detailed = self.makeLog(.debug)
        detailed.observe(self.request)
        detailed.finish()
        await detailed.run()
        #expect(
            self.lines.value.last
                == "debug request answered address=::1 bytes=9 method=GET path=\"/history/a b\" seconds=0.002 status=200"
        )
    }

    @Test func `where nobody takes the lines they are bounded, and it is said how many were dropped`() async {
        let log = self.makeLog()
        for _ in 0..<AccessLog.capacity + 5 { log.observe(self.end()) }
        #expect(log.dropped == 5)
        log.finish()
        await log.run()
        let lines = self.lines.value
        #expect(lines.count { $0.hasPrefix("info") } == AccessLog.capacity)
        #expect(lines.filter { $0.hasPrefix("warning") } == ["warning lines of the access log were dropped lines=5"])
    }
}
