import NIOCore
import NIOEmbedded
import RelayCore
import RelayHTTP
import RelayTestSupport
import Testing

struct TokenExpiryTests {
    /// A subscriber whose token ends so much later, and the time of day. The event loop's time is moved apart from it.
    private func subscriber(_ left: Duration) throws -> (SubscriberUnderTest, ManualClock) {
        let clock = ManualClock()
        let expiry = TokenExpiry(at: clock.timeOfDay.advanced(by: left), clock: clock.serverClock)
        return (try SubscriberUnderTest(expiry: expiry), clock)
    }

    private func codes(_ subscriber: SubscriberUnderTest) throws -> [UInt16] {
        try subscriber.sent().compactMap(\.closeCode)
    }

    private func pass(_ time: Duration, _ subscriber: SubscriberUnderTest, _ clock: ManualClock) {
        clock.advance(by: time)
        subscriber.loop.advanceTime(by: TimeAmount(time))
    }

    @Test
    func `a connection ends with its token, with 1008 and not before`() throws {
        let (subscriber, clock) = try self.subscriber(.seconds(20))
        self.pass(.milliseconds(19_999), subscriber, clock)
        #expect(try self.codes(subscriber).isEmpty)
        self.pass(.milliseconds(1), subscriber, clock)
        #expect(try self.codes(subscriber) == [1008])
        subscriber.loop.advanceTime(by: Subscriber.closeTimeout)
        #expect(!subscriber.channel.isActive)
    }

    @Test(arguments: [Duration.zero, .seconds(-1), .seconds(-300_000_000_000)])
    func `a token that ended while the client was let in ends the connection at once`(left: Duration) throws {
        let (subscriber, clock) = try self.subscriber(left)
        self.pass(.zero, subscriber, clock)
        #expect(try self.codes(subscriber) == [1008])
    }

    @Test
    func `a client that reads nothing is cut all the same`() throws {
        let (subscriber, clock) = try self.subscriber(.seconds(20))
        subscriber.setWritable(false)
        subscriber.socket.isFull = true
        self.pass(.seconds(20), subscriber, clock)
        subscriber.loop.advanceTime(by: Subscriber.closeTimeout)
        #expect(!subscriber.channel.isActive)
    }

    @Test
    func `the end counts by the time of day, also where that steps`() throws {
        let (subscriber, clock) = try self.subscriber(.seconds(20))
        clock.stepTimeOfDay(by: .seconds(-10))
        self.pass(.seconds(20), subscriber, clock)
        #expect(try self.codes(subscriber).isEmpty)
        self.pass(.seconds(10), subscriber, clock)
        #expect(try self.codes(subscriber) == [1008])
    }

    @Test
    func `a step forward is noticed within an hour, and the end of time is no trap`() throws {
        let centuries = Duration.seconds(36_500 * 86_400 * 10)
        let (subscriber, clock) = try self.subscriber(centuries)
        clock.stepTimeOfDay(by: centuries)
        for _ in 0..<59 {
            subscriber.loop.advanceTime(by: .minutes(1))
            subscriber.receive(WebSocketTestClient.frame(0xA, []))
        }
        #expect(try self.codes(subscriber).isEmpty)
        subscriber.loop.advanceTime(by: .minutes(1))
        #expect(try self.codes(subscriber) == [1008])
    }
}
