import RelayCore
import RelayTestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ReportQueueTests {
    /// A report of one notification that counts `bytes`.
    private func report(_ text: String = "", bytes: Int = ReportQueue.notificationOverhead) -> SourceReport {
        let padding = String(repeating: "x", count: bytes - ReportQueue.notificationOverhead - text.utf8.count)
        return .notifications([Notification(channel: "a", payload: Payload(text + padding))])
    }

    private let everything = BatchLimit(events: .max, bytes: .max)

    @Test func `reports come out in the order in which they went in`() async {
        let queue = ReportQueue {}
        let reports: [SourceReport] = [
            .connected(channels: ["a"], server: "s"), report("1", bytes: 80), .listening("b"), report("2", bytes: 80),
            .stoppedListening("b"), .disconnected(reason: "r"),
        ]
        for report in reports { #expect(queue.offer(report)) }
        #expect(await queue.next(everything) == reports)
    }

    @Test func `it knows since when the oldest of what it gave was waiting`() async {
        let queue = ReportQueue {}
        let start = ContinuousClock.now
        for (index, text) in ["1", "2", "3"].enumerated() {
            _ = queue.offer(self.report(text, bytes: 100), at: start + .seconds(index))
        }
        #expect(queue.takenSince == nil)
        _ = await queue.next(BatchLimit(events: 2, bytes: .max))
        #expect(queue.takenSince == start)
        _ = await queue.next(self.everything)
        #expect(queue.takenSince == start + .seconds(2))
    }

    @Test func `a consumer that waits gets the next report`() async {
        let queue = ReportQueue {}
        async let taken = queue.next(everything)
        _ = queue.offer(.listening("a"))
        #expect(await taken == [.listening("a")])
    }

    @Test func `a batch ends before its limit of events is exceeded, and a report is never split`() async {
        let queue = ReportQueue {}
        let three = SourceReport.notifications(
            (1...3).map { Notification(channel: "a", payload: Payload("\($0)")) }
        )
        for report in [three, three, .listening("b"), three] { _ = queue.offer(report) }
        let limit = BatchLimit(events: 7, bytes: .max)
        #expect(await queue.next(limit) == [three, three, .listening("b")])
        #expect(await queue.next(limit) == [three])
        _ = queue.offer(three)
        #expect(await queue.next(BatchLimit(events: 2, bytes: .max)) == [three], "one report at least")
    }

    @Test func `a batch ends before its limit of bytes is exceeded`() async {
        let queue = ReportQueue {}
        for text in ["1", "2", "3"] { _ = queue.offer(report(text, bytes: 100)) }
        #expect(await queue.next(BatchLimit(events: .max, bytes: 200))?.count == 2)
        #expect(await queue.next(BatchLimit(events: .max, bytes: 99))?.count == 1, "one report at least")
    }

    @Test func `there is room until the capacity is reached`() {
        let queue = ReportQueue(capacity: 200) {}
        #expect(queue.offer(report(bytes: 100)))
        #expect(!queue.offer(report(bytes: 100)))
        #expect(!queue.offer(.listening("a")), "accepted all the same")
    }

    @Test func `room is announced once, when a full queue is down to half`() async {
        let calls = Watched(0)
        let queue = ReportQueue(capacity: 400) { calls.change { $0 += 1 } }
        for _ in 0..<4 { _ = queue.offer(report(bytes: 100)) }
        let one = BatchLimit(events: 1, bytes: .max)
        _ = await queue.next(one)
        _ = await queue.next(one)
        #expect(calls.value == 0, "200 of 400 is not below half")
        _ = await queue.next(one)
        #expect(calls.value == 1)
        _ = await queue.next(one)
        #expect(calls.value == 1)
    }

    @Test func `a queue that was full has no room before that was announced`() async {
        let queue = ReportQueue(capacity: 400) {}
        #expect(queue.hasRoom)
        for _ in 0..<4 { _ = queue.offer(report(bytes: 100)) }
        let one = BatchLimit(events: 1, bytes: .max)
        for hasRoom in [false, false, true] {
            #expect(!queue.hasRoom)
            _ = await queue.next(one)
            #expect(queue.hasRoom == hasRoom)
        }
    }

    @Test func `a queue that was never full announces nothing`() async {
        let calls = Watched(0)
        let queue = ReportQueue(capacity: 400) { calls.change { $0 += 1 } }
        for _ in 0..<3 { _ = queue.offer(report(bytes: 100)) }
        _ = await queue.next(everything)
        #expect(calls.value == 0)
    }

    @Test func `what a queue held when it was finished still comes, then nil`() async {
        let queue = ReportQueue {}
        _ = queue.offer(.listening("a"))
        #expect(!queue.isFinished)
        queue.finish()
        #expect(queue.isFinished)
        #expect(await queue.next(everything) == [.listening("a")])
        #expect(await queue.next(everything) == nil)
        #expect(await queue.next(everything) == nil)
    }

    @Test func `a consumer that waits is told of the end`() async {
        let queue = ReportQueue {}
        async let taken = queue.next(everything)
        queue.finish()
        #expect(await taken == nil)
    }

    @Test func `nothing is lost or reordered when a fast producer waits for room again and again`() async throws {
        let announced = Watched(0)
        let refused = Watched(0)
        let queue = ReportQueue(capacity: 1_000) { announced.change { $0 += 1 } }
        let numbers = (0..<1_000).map(String.init)
        async let produced: Int = {
            var waits = 0
            for number in numbers where !queue.offer(report(number, bytes: 100)) {
                waits += 1
                let expected = waits
                refused.change { $0 = expected }
                try await announced.when { $0 >= expected }
            }
            queue.finish()
            return waits
        }()
        // How often it is full after that is chance.
        try await refused.when { $0 > 0 }
        var taken: [SourceReport] = []
        while let reports = await queue.next(BatchLimit(events: 7, bytes: .max)) { taken += reports }
        #expect(taken == numbers.map { report($0, bytes: 100) })
        #expect(try await produced > 0)
    }
}
