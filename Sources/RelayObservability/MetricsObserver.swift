package import Metrics
package import RelayCore
import Synchronization

/// Counts what happens. All series that can be known beforehand are there from the start, at zero: a series that appears
/// with its first event has no increase to alert on.
package final class MetricsObserver: Observer {
    private let factory: any MetricsFactory

    private let received: Counter
    private let appended: Counter
    private let setAside: Counter
    private let delivered: Labelled<FrameKind, Counter>
    private let replayed: Labelled<FrameKind, Counter>
    private let batchEvents: Recorder
    private let appendTime: Timer
    private let deliveryLag: Timer
    private let gapsStored: Labelled<Gap.Reason, Counter>
    private let gapsTold: Labelled<Gap.Reason, Counter>

    private let clients: PerFrameKind<Labelled<SubscriberStateMachine.Phase, Meter>>
    private let waits: Meter
    private let closes: Labelled<WebSocketEnd, Counter>
    private let streamEnds: Labelled<FinishedSubscriber.Side, Counter>
    private let webSocketBytes: Counter
    private let streamBytes: Counter
    private let httpBytes: Counter

    private let reconnects: Counter
    private let sourceFailures: Labelled<OutageCause, Counter>
    private let roundTrip: Timer
    private let heartbeatsRefused: Counter
    private let hasConnected = Atomic(false)

    private let refused: Labelled<RefusalCause, Counter>
    private let failed: Counter
    private let acceptFailures: Counter
    /// Of the answers that there were so far: routes are few, and statuses are the relay's own.
    private let requests = Mutex<[Answer: Counter]>([:])

    private struct Answer: Hashable {
        let route: AnsweredRequest.Route
        let status: Int
    }

    /// - Parameter factory: makes the metrics that `MetricDescription.all` describes.
    package init(factory: any MetricsFactory) {
        func counter(_ name: String, _ dimensions: [(String, String)] = []) -> Counter {
            Counter(label: MetricDescription.prefix + name, dimensions: dimensions, factory: factory)
        }
        func timer(_ name: String) -> Timer {
            Timer(label: MetricDescription.prefix + name, dimensions: [], factory: factory)
        }
        func counters<Key>(_ name: String, _ label: String, without: [Key] = []) -> Labelled<Key, Counter> {
            Labelled(without: without) { counter(name, [(label, $0)]) }
        }
        func clients(_ kind: FrameKind) -> Labelled<SubscriberStateMachine.Phase, Meter> {
            Labelled(without: [.closed]) { phase in
                let dimensions = [("kind", kind.rawValue), ("state", phase)]
                return Meter(label: MetricDescription.prefix + "clients", dimensions: dimensions, factory: factory)
            }
        }
        self.factory = factory
        self.received = counter("events_received_total")
        self.appended = counter("events_appended_total")
        self.setAside = counter("events_set_aside_total")
        self.delivered = counters("events_delivered_total", "kind")
        self.replayed = counters("events_replayed_total", "kind")
        self.batchEvents = Recorder(
            label: MetricDescription.prefix + "append_batch_events",
            dimensions: [],
            aggregate: true,
            factory: factory
        )
        self.appendTime = timer("append_seconds")
        self.deliveryLag = timer("delivery_lag_seconds")
        self.gapsStored = counters(
            "gaps_stored_total",
            "reason",
            without: [.evicted, .damaged, .ahead, .replaced]
        )
        self.gapsTold = counters("gaps_told_total", "reason")
        self.clients = PerFrameKind(clients)
        self.waits = Meter(label: MetricDescription.prefix + "waiting_requests", dimensions: [], factory: factory)
        self.closes = counters("websocket_closes_total", "code")
        self.streamEnds = counters("event_stream_ends_total", "side")
        self.webSocketBytes = counter("bytes_sent_total", [("protocol", "websocket")])
        self.streamBytes = counter("bytes_sent_total", [("protocol", "event-stream")])
        self.httpBytes = counter("bytes_sent_total", [("protocol", "http")])
        self.reconnects = counter("source_reconnects_total")
        self.sourceFailures = counters("source_failures_total", "cause")
        self.roundTrip = timer("heartbeat_round_trip_seconds")
        self.heartbeatsRefused = counter("heartbeats_refused_total")
        self.refused = counters("requests_refused_total", "cause")
        self.failed = counter("requests_failed_total")
        self.acceptFailures = counter("accept_failures_total")
    }

    package func observe(_ observation: Observation) {
        switch observation {
        case .notificationsReceived(let count):
            self.received.increment(by: count)
        case .batchAppended(let events, let took):
            self.appended.increment(by: events)
            self.batchEvents.record(events)
            self.appendTime.record(duration: took)
        case .batchSetAside(let events):
            self.setAside.increment(by: events)
        case .batchDelivered(let delivery):
            for kind in FrameKind.allCases {
                self.delivered[kind]?.increment(by: delivery.events[kind])
                self.bytes(kind).increment(by: delivery.bytes[kind])
            }
            if let lag = delivery.lag { self.deliveryLag.record(duration: lag) }
        case .replayed(let kind, let events, let bytes):
            self.replayed[kind]?.increment(by: events)
            self.bytes(kind).increment(by: bytes)
        case .gapTold(let reason, let times):
            self.gapsTold[reason]?.increment(by: times)
        case .gapStored(let gap):
            self.gapsStored[gap.reason]?.increment()
        case .channelRecorded:
            // Each begins with a gap of its own.
            self.gapsStored[.unrecorded]?.increment()
        case .subscriberMoved(let kind, let from, let to):
            self.clients[kind][from]?.decrement()
            self.clients[kind][to]?.increment()
        case .waitBegan:
            self.waits.increment()
        case .waitEnded:
            self.waits.decrement()
        case .subscriberLeft(let end):
            if end.kind.isEventStream {
                self.streamEnds[end.side]?.increment()
            } else {
                self.closes[WebSocketEnd(code: end.code)]?.increment()
            }
        case .requestAnswered(let request):
            self.httpBytes.increment(by: request.bytes)
            self.counter(for: request).increment()
        case .sourceConnected:
            if self.hasConnected.exchange(true, ordering: .relaxed) { self.reconnects.increment() }
        case .sourceDisconnected(let cause, _):
            self.sourceFailures[cause]?.increment()
        case .heartbeatHeard(let roundTrip):
            self.roundTrip.record(duration: roundTrip)
        case .heartbeatFailed:
            self.heartbeatsRefused.increment()
        case .requestRefused(let cause, _, _):
            self.refused[cause]?.increment()
        case .requestFailed:
            self.failed.increment()
        case .acceptFailed:
            self.acceptFailures.increment()
        case .heartbeatRecovered, .channelGivenUp, .channelRefused, .logFailed, .logRecovered, .logRepaired,
            .settingAside, .eventsWait, .eventsAbandoned, .subscriberJoined, .subscriberLagging:
            // What of these lasts is read with each scrape.
            break
        }
    }

    private func bytes(_ kind: FrameKind) -> Counter {
        kind.isEventStream ? self.streamBytes : self.webSocketBytes
    }

    private func counter(for request: AnsweredRequest) -> Counter {
        self.requests.withLock { requests in
            let answer = Answer(route: request.route, status: request.status)
            if let counter = requests[answer] { return counter }
            let counter = Counter(
                label: MetricDescription.prefix + "http_requests_total",
                dimensions: [("route", request.route.rawValue), ("status", "\(request.status)")],
                factory: self.factory
            )
            requests[answer] = counter
            return counter
        }
    }
}

/// One metric for each value of a label.
struct Labelled<Key: CaseIterable & RawRepresentable & Hashable & Sendable, Metric: Sendable>: Sendable
where Key.RawValue == String {
    private let metrics: [Key: Metric]

    init(without left: [Key] = [], make: (String) -> Metric) {
        let keys = Key.allCases.filter { !left.contains($0) }
        self.metrics = Dictionary(uniqueKeysWithValues: keys.map { ($0, make($0.rawValue)) })
    }

    /// Nil for a value that is left out.
    subscript(key: Key) -> Metric? { self.metrics[key] }
}

/// How a WebSocket ended, as a label of few values: clients may close with thousands of codes.
private enum WebSocketEnd: String, CaseIterable {
    case normal = "1000"
    case goingAway = "1001"
    case protocolError = "1002"
    case unacceptable = "1003"
    case notUTF8 = "1007"
    case notAllowed = "1008"
    case messageTooBig = "1009"
    case internalError = "1011"
    case tryAgainLater = "1013"
    case other
    /// Without a close frame.
    case none

    init(code: UInt16?) {
        self = code.map { WebSocketEnd(rawValue: "\($0)") ?? .other } ?? .none
    }
}
