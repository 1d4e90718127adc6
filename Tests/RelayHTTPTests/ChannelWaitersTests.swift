import RelayCore
import RelayHTTP
import RelayTestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ChannelWaitersTests {
    private let waiters = ChannelWaiters()

    @Test func `what comes before the wait is not missed, nor told twice`() async throws {
        let waiter = self.waiters.add(to: ChannelSelection("a"))
        self.waiters.signal(["b", "a"])
        self.waiters.signal(["a"])
        await waiter.next()
        let told = Inbox<String>()
        async let second: Void = {
            await waiter.next()
            told.put("again")
        }()
        told.put("signalled")
        self.waiters.signal(["a"])
        await second
        #expect(told.takeAll() == ["signalled", "again"])
    }

    @Test func `a signal is for those of its channels, or for all`() async {
        let (a, b) = (self.waiters.add(to: ChannelSelection("a")), self.waiters.add(to: ChannelSelection("b")))
        let all = [a, self.waiters.add(to: ChannelSelection("a")), b]
        #expect(self.waiters.count == 3)
        self.waiters.signal(nil)
        for waiter in all { await waiter.next() }
        self.waiters.signal(["c"])
        self.waiters.signal(["b"])
        await b.next()
        self.waiters.remove(b, from: ChannelSelection("b"))
        self.waiters.remove(b, from: ChannelSelection("b"))
        #expect(self.waiters.count == 2)
    }

    @Test func `after the end nobody waits`() async {
        let before = self.waiters.add(to: ChannelSelection("a"))
        async let waiting: Void = before.next()
        self.waiters.end()
        await waiting
        let after = self.waiters.add(to: ChannelSelection("a"))
        await after.next()
        #expect(before.isOver && after.isOver)
        self.waiters.signal(["a"])
        #expect(before.isOver)
        self.waiters.remove(before, from: ChannelSelection("a"))
        #expect(self.waiters.count == 0)
    }
}
