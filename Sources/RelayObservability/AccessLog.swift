package import Logging
package import RelayCore
import Synchronization

/// A line for each WebSocket that ends, and for each HTTP request where debug messages are logged.
///
/// Writing may block, and those who observe must not: lines wait in a bounded queue and are written on a thread of their
/// own. Where nobody takes them in time, the newest are dropped, and it is said how many.
package actor AccessLog: Observer {
    /// Lines that wait, under 1 MB: a second of a storm of clients.
    package static let capacity = 4_096

    private enum Line: Sendable {
        case subscriber(FinishedSubscriber)
        case request(AnsweredRequest)
    }

    private nonisolated let logger: Logger
    private nonisolated let executor: any SerialExecutor
    private nonisolated let lines = AsyncStream.makeStream(of: Line.self, bufferingPolicy: .bufferingOldest(capacity))
    private nonisolated let droppedLines = Atomic(0)

    /// - Parameter executor: a thread that may block.
    package init(logger: Logger, executor: any SerialExecutor) {
        self.logger = logger
        self.executor = executor
    }

    package nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    /// Since the start.
    package nonisolated var dropped: Int { self.droppedLines.load(ordering: .relaxed) }

    package nonisolated func observe(_ observation: Observation) {
        if case .subscriberLeft(let end) = observation { self.put(.subscriber(end)) }
        if case .requestAnswered(let request) = observation, self.logger.logLevel <= .debug {
            self.put(.request(request))
        }
    }

    private nonisolated func put(_ line: Line) {
        if case .dropped = self.lines.continuation.yield(line) { self.droppedLines.wrappingAdd(1, ordering: .relaxed) }
    }

    /// Writes lines until `finish` was called and all are written. Once.
    package func run() async {
        var told = 0
        for await line in self.lines.stream {
            switch line {
            case .subscriber(let end): self.write(end)
            case .request(let request): self.write(request)
            }
            let dropped = self.dropped
            if dropped > told {
                self.logger.warning("lines of the access log were dropped", metadata: ["lines": "\(dropped - told)"])
                told = dropped
            }
        }
    }

    /// No more lines will come.
    package nonisolated func finish() {
        self.lines.continuation.finish()
    }

    private func write(_ end: FinishedSubscriber) {
        var metadata: Logger.Metadata = [
            "address": "\(logText(end.address))", "channel": "\(logText(end.selection.description))",
            "kind": "\(end.kind.rawValue)", "seconds": "\(end.duration.asSeconds)", "events": "\(end.events)",
            "bytes": "\(end.bytes)", "ended-by": "\(end.side.rawValue)", "reason": "\(logText(end.reason))",
        ]
        if let code = end.code { metadata["code"] = "\(code)" }
        if let subject = end.subject { metadata["subject"] = "\(logText(subject))" }
        self.logger.info(end.kind.isEventStream ? "event stream ended" : "WebSocket ended", metadata: metadata)
    }

    private func write(_ request: AnsweredRequest) {
        self.logger.debug(
            "request answered",
            metadata: [
                "address": "\(logText(request.address))", "method": "\(logText(request.method))",
                "path": "\(logText(request.path))", "status": "\(request.status)", "bytes": "\(request.bytes)",
                "seconds": "\(request.duration.asSeconds)",
            ]
        )
    }
}

extension Duration {
    /// To the microsecond.
    fileprivate var asSeconds: Double { Double(self.microseconds) / 1e6 }
}
