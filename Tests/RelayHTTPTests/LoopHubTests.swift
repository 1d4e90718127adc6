import NIOCore
import NIOEmbedded
import RelayCore
import RelayHTTP
import RelayTestSupport
import Testing

/// Subscribers of one loop that share it, on a loop whose time stands still until the test moves it.
final class LoopHubTests {
    private let loop = EmbeddedEventLoop()
    private let log = MemoryEventLog(clock: ManualClock().serverClock)
    private let observer = RecordingObserver()
    private let hub: LoopHub
    private let beginning: EventID

    /// What a batch of the tests takes as a frame.
    private static let frameBytes = 8_000
    /// What a loop sends of replay before it looks after the rest, and the last one's turn.
    private static let mostAtOnce = (256 << 10) + (64 << 10) + frameBytes

    init() {
        self.beginning = self.log.identity.last
        self.hub = LoopHub(eventLoop: self.loop, head: self.beginning, observer: self.observer)
    }

    /// - Parameter cursor: nil: from now on.
    private func join(after cursor: EventID?) throws -> EmbeddedChannel {
        let resumePoint = cursor.map {
            ResumePoint(channel: "people", presented: $0, logID: nil, identity: self.log.identity, last: self.hub.head)
        }
        let subscriber = Subscriber(
            subscription: Subscription(ChannelSelection("people"), kind: .raw, resumePoint: resumePoint),
            hub: self.hub,
            pages: ReplayPages(log: self.log, observer: self.observer),
            observer: self.observer,
            drainWindow: { .zero },
            whenClosed: { _ in }
        )
        let channel = EmbeddedChannel(loop: self.loop)
        try channel.pipeline.syncOperations.addHandler(WebSocketHandler(subscriber))
        return channel
    }

    private func fanOut(_ number: UInt8) {
        let (after, id) = (self.hub.head, self.hub.head.next)
        let payload = Payload([UInt8](repeating: number, count: Self.frameBytes - 4))
        let event = Event(id: id, channel: "people", time: Timestamp(microseconds: id.rawValue), payload: payload)
        self.hub.fanOut(
            FrameBatch(AppendedBatch(after: after, last: id, entries: [.event(event)], evictedThrough: .zero))
        )
    }

    /// What was sent since, as the numbers of events.
    private func sent(_ channel: EmbeddedChannel) throws -> [UInt8] {
        var all = ByteBuffer()
        while var bytes = try channel.readOutbound(as: ByteBuffer.self) { all.writeBuffer(&bytes) }
        var numbers: [UInt8] = []
        while let frame = all.readBytes(length: Self.frameBytes) { numbers.append(frame[4]) }
        #expect(all.readableBytes == 0, "a part of a frame")
        return numbers
    }

    @Test func `who comes back shares the loop with the others and with live events, and gets everything in order`()
        throws
    {
        for number in 0..<100 { self.fanOut(UInt8(number)) }
        let live = try self.join(after: nil)
        let storm = try (0..<10).map { _ in try self.join(after: self.beginning) }
        var received = storm.map { _ in [UInt8]() }
        func takeAll() throws -> Int {
            var count = 0
            for (index, channel) in storm.enumerated() {
                let numbers = try self.sent(channel)
                received[index] += numbers
                count += numbers.count
            }
            return count
        }

        #expect(try takeAll() == 0, "nobody is sent anything before it is their turn")
        self.loop.run()
        var (turns, next) = (0, UInt8(100))
        while received.contains(where: { $0.count < Int(next) }) {
            let count = try takeAll()
            #expect(count * Self.frameBytes <= Self.mostAtOnce)
            if turns < 10 {
                // It does not wait for those who are behind.
                self.fanOut(next)
                #expect(try self.sent(live) == [next])
                next += 1
            }
            turns += 1
            try #require(turns < 1_000)
            self.loop.advanceTime(by: .microseconds(10))
        }
        #expect(turns > 10)
        for numbers in received { #expect(numbers == Array(0..<next)) }
        self.fanOut(next)
        #expect(try takeAll() == 10, "all of them are live")
        for channel in [live] + storm { _ = try channel.finish(acceptAlreadyClosed: true) }
    }

    @Test func `what is delivered is told once for a batch, whatever the number of subscribers`() throws {
        self.fanOut(1)
        #expect(self.observer.observations.isEmpty, "nobody is there")
        let channels = try (0..<5).map { _ in try self.join(after: nil) }
        channels[0].isWritable = false
        self.fanOut(2)
        let deliveries = self.observer.observations.compactMap {
            if case .batchDelivered(let delivery) = $0 { delivery } else { nil }
        }
        // One of them lags.
        #expect(deliveries.map { $0.events[.raw] } == [4] && deliveries.map { $0.bytes[.raw] } == [4 * Self.frameBytes])
        let replayed = try self.join(after: self.beginning)
        self.loop.run()
        let replays = self.observer.texts.filter { $0.contains("replayed(") }
        #expect(replays.count == 1 && replays[0].contains("events: 2, bytes: \(2 * Self.frameBytes)"))
        for channel in channels + [replayed] { _ = try channel.finish(acceptAlreadyClosed: true) }
    }

    @Test func `who leaves while it waits for its turn is in nobody's way`() throws {
        for number in 0..<10 { self.fanOut(UInt8(number)) }
        let leaving = try self.join(after: self.beginning)
        let staying = try self.join(after: self.beginning)
        _ = try leaving.finish(acceptAlreadyClosed: true)
        self.loop.run()
        self.loop.advanceTime(by: .milliseconds(1))
        #expect(try self.sent(staying) == Array(0..<10))
        _ = try staying.finish(acceptAlreadyClosed: true)
    }
}
