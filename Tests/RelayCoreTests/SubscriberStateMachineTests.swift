import RelayCore
import RelayTestSupport
import Testing

struct SubscriberStateMachineTests {
    private func replaying() -> SubscriberStateMachine { SubscriberStateMachine(cursor: 10) }

    private func live() -> SubscriberStateMachine {
        var machine = replaying()
        _ = machine.proceed(isWritable: true) { _ in .atHead }
        return machine
    }

    /// Its socket was full when the batch after 20 came.
    private func lagging() -> SubscriberStateMachine {
        var machine = live()
        _ = machine.batchFannedOut(after: 20, isWritable: false)
        return machine
    }

    // MARK: - Replay

    @Test func `a subscriber that has seen everything goes live at once`() {
        var machine = replaying()
        #expect(machine.phase == .replaying)
        #expect(machine.proceed(isWritable: true) { $0 == 10 ? .atHead : .belowTail } == .goLive(isFirstTime: true))
        #expect(machine.phase == .live)
    }

    @Test func `a replay reads the log, goes on in the tail, and becomes live`() {
        var machine = replaying()
        #expect(machine.proceed(isWritable: true) { _ in .belowTail } == .readPage(after: 10))
        #expect(machine.pageRead() == true)
        machine.sent(through: 50)
        #expect(machine.proceed(isWritable: true) { _ in .belowTail } == .readPage(after: 50))
        #expect(machine.pageRead() == true)
        machine.sent(through: 90)
        #expect(machine.proceed(isWritable: true) { _ in .inTail } == .sendTail(after: 90))
        machine.sent(through: 95)
        #expect(machine.proceed(isWritable: true) { _ in .inTail } == .sendTail(after: 95))
        machine.sent(through: 100)
        #expect(machine.phase == .replaying)
        #expect(machine.proceed(isWritable: true) { $0 == 100 ? .atHead : .inTail } == .goLive(isFirstTime: true))
        #expect(machine.phase == .live)
    }

    @Test func `it waits for the page it asked for`() {
        var machine = replaying()
        _ = machine.proceed(isWritable: true) { _ in .belowTail }
        #expect(machine.proceed(isWritable: true) { _ in .atHead } == .none)
        #expect(machine.becameWritable() == false, "the page comes first")
        #expect(machine.phase == .replaying)
    }

    @Test func `while the socket is full a replay waits, and no position is asked for`() {
        var machine = replaying()
        var questions = 0
        let action = machine.proceed(isWritable: false) { _ in
            questions += 1
            return .atHead
        }
        #expect(action == .none)
        #expect(questions == 0)
        #expect(machine.proceed(isWritable: true) { _ in .atHead } == .none, "only after becameWritable")
        #expect(machine.becameWritable() == true)
        #expect(machine.proceed(isWritable: true) { _ in .belowTail } == .readPage(after: 10))
    }

    @Test func `a socket that becomes writable while nobody waits for it changes nothing`() {
        var machine = replaying()
        #expect(machine.becameWritable() == false)
        var live = self.live()
        #expect(live.becameWritable() == false)
        #expect(live.phase == .live)
    }

    // MARK: - Live and lagging

    @Test func `a live subscriber gets batches`() {
        var machine = live()
        #expect(machine.batchFannedOut(after: 10, isWritable: true) == .send)
        #expect(machine.batchFannedOut(after: 20, isWritable: true) == .send)
        #expect(machine.phase == .live)
    }

    @Test func `one whose socket is full lags from the head before the batch`() {
        var machine = live()
        #expect(machine.batchFannedOut(after: 20, isWritable: false) == .stop)
        #expect(machine.phase == .lagging)
        #expect(machine.proceed(isWritable: true) { _ in .atHead } == .none)
        #expect(machine.becameWritable() == true)
        #expect(machine.proceed(isWritable: true) { _ in .belowTail } == .readPage(after: 20))
    }

    @Test func `a lagging one catches up as in a replay, and is live for the second time`() {
        var machine = lagging()
        #expect(machine.becameWritable() == true)
        #expect(machine.proceed(isWritable: true) { _ in .belowTail } == .readPage(after: 20))
        #expect(machine.phase == .lagging)
        #expect(machine.pageRead() == true)
        machine.sent(through: 30)
        #expect(machine.proceed(isWritable: false) { _ in .inTail } == .none)
        #expect(machine.becameWritable() == true)
        #expect(machine.proceed(isWritable: true) { _ in .inTail } == .sendTail(after: 30))
        machine.sent(through: 40)
        #expect(machine.proceed(isWritable: true) { _ in .atHead } == .goLive(isFirstTime: false))
        #expect(machine.phase == .live)
    }

    // MARK: - The end

    @Test func `only the end of a live one concerns the list of live ones`() {
        var (replaying, live, lagging) = (self.replaying(), self.live(), self.lagging())
        #expect(replaying.closed() == false)
        #expect(live.closed() == true)
        #expect(lagging.closed() == false)
        #expect(live.closed() == false, "once")
    }

    @Test func `a page that arrives after the end is not wanted`() {
        var (replaying, lagging) = (self.replaying(), self.lagging())
        _ = replaying.proceed(isWritable: true) { _ in .belowTail }
        _ = lagging.becameWritable()
        _ = lagging.proceed(isWritable: true) { _ in .belowTail }
        _ = replaying.closed()
        _ = lagging.closed()
        #expect(replaying.pageRead() == false)
        #expect(lagging.pageRead() == false)
    }

    @Test func `after the end nothing happens any more`() {
        var machine = live()
        _ = machine.closed()
        #expect(machine.proceed(isWritable: true) { _ in .atHead } == .none)
        #expect(machine.becameWritable() == false)
        machine.sent(through: 99)
        #expect(machine.phase == .closed)
    }
}
