import RelayCore
import RelayTestSupport
import Testing

struct HubStateMachineTests {
    /// A hub that starts at 100, keeps 30 bytes, and got batches of 10 bytes that end at the given ids.
    private func hub(_ ends: Int64..., capacity: Int = 30) -> HubStateMachine<String> {
        var hub = HubStateMachine<String>(head: 100, tailCapacity: capacity)
        for end in ends { hub.append(through: EventID(end)) }
        return hub
    }

    private func positions(_ hub: HubStateMachine<String>, _ cursors: Int64...) -> [HubPosition] {
        cursors.map { hub.position(of: EventID($0)) }
    }

    @Test func `its head is the newest id fanned out`() {
        #expect(hub().head == 100)
        #expect(hub(110, 120).head == 120)
    }

    @Test func `a cursor at the head has seen everything`() {
        #expect(positions(hub(110, 120), 120) == [.atHead])
        #expect(positions(hub(), 100) == [.atHead])
    }

    @Test func `before the first batch every older cursor has to read the log`() async {
        // In a process of its own, so that a trap fails this test alone.
        await #expect(processExitsWith: .success) {
            let hub = HubStateMachine<String>(head: 100, tailCapacity: 30)
            for cursor in [0, 1, 99] as [EventID] { precondition(hub.position(of: cursor) == .belowTail) }
        }
    }

    @Test func `a cursor from which the tail reaches to the head is in the tail`() {
        #expect(
            positions(hub(110, 120), 99, 100, 105, 110, 119, 120) == [
                .belowTail, .inTail, .inTail, .inTail, .inTail, .atHead,
            ]
        )
    }

    @Test func `a tail over its capacity gives up its oldest batches`() {
        // 110 is gone, so what it held can't be given.
        #expect(positions(hub(110, 120, 130, 140), 109, 110, 111) == [.belowTail, .inTail, .inTail])
        #expect(positions(hub(110, 120, 130, 140, 150), 119, 120) == [.belowTail, .inTail])
        #expect(positions(hub(110, 120, 130), 99, 100) == [.belowTail, .inTail], "30 of 30 bytes are not too many")
    }

    @Test func `one large batch displaces as many small ones as it takes`() {
        var hub = self.hub(110, 120, 130)
        hub.append(through: 140, bytes: 15)
        #expect(positions(hub, 119, 120) == [.belowTail, .inTail])
    }

    @Test func `the newest batch is kept however large it is`() {
        var hub = self.hub(110)
        hub.append(through: 120, bytes: 1_000)
        #expect(positions(hub, 109, 110, 119) == [.belowTail, .inTail, .inTail])
        #expect(hub.tailBatch(after: 110, of: ChannelSelection("people"))?.last == 120)
    }

    @Test func `what was evicted from the log is not given from the tail`() {
        var hub = self.hub(110, 120)
        hub.append(through: 130, evictedThrough: 115)
        #expect(
            positions(hub, 100, 110, 114, 115, 120, 130) == [
                .belowTail, .belowTail, .belowTail, .inTail, .inTail, .atHead,
            ]
        )
    }

    @Test func `what was evicted stays so, also if a later batch tells less`() {
        var hub = self.hub(110, 120)
        hub.append(through: 130, evictedThrough: 115)
        hub.append(through: 140, evictedThrough: 0)
        #expect(positions(hub, 114, 115) == [.belowTail, .inTail])
    }

    @Test func `a log that evicts even its newest entries leaves nothing in the tail`() {
        var hub = self.hub(110, 120)
        hub.append(through: 130, evictedThrough: 130)
        #expect(positions(hub, 120, 129, 130) == [.belowTail, .belowTail, .atHead])
    }

    @Test(
        arguments: [
            (100, "110"), (105, "110"), (109, "110"), (110, "120"), (111, "120"), (119, "120"), (120, "130"),
            (129, "130"),
        ] as [(EventID, String)]
    )
    func `the batch after a cursor is the oldest with anything new to it`(cursor: EventID, batch: String) throws {
        let found = try #require(hub(110, 120, 130).tailBatch(after: cursor, of: ChannelSelection("people")))
        #expect(found.batch == batch)
        #expect("\(found.last)" == batch)
    }

    @Test func `what is not in the log stays in the tail, however much it is`() {
        var hub = self.hub(110, 120)
        for last in [130, 140, 150, 160, 170] as [EventID] {
            hub.append(through: last, standing: LogStanding(writtenThrough: 120))
        }
        #expect(hub.readableThrough == 120)
        #expect(positions(hub, 119, 120, 125, 169, 170) == [.belowTail, .inTail, .inTail, .inTail, .atHead])
        hub.logStands(at: LogStanding(writtenThrough: 170))
        #expect(hub.readableThrough == 170)
        #expect(positions(hub, 139, 140, 170) == [.belowTail, .inTail, .atHead], "written, it goes as all else")
    }

    @Test func `what is neither in the log nor kept is lost`() {
        var hub = self.hub(110)
        hub.append(through: 120, standing: LogStanding(writtenThrough: 110))
        hub.append(through: 130, standing: LogStanding(writtenThrough: 110))
        hub.append(through: 140, bytes: 25, standing: LogStanding(writtenThrough: 110, keptAfter: 120))
        #expect(
            positions(hub, 109, 110, 119, 120, 130) == [
                .belowTail, .lost(through: 120), .lost(through: 120), .inTail, .inTail,
            ]
        )
        hub.logStands(at: LogStanding(writtenThrough: 140))
        #expect(positions(hub, 110, 119) == [.belowTail, .belowTail], "the gap is in the log now")
    }

    @Test func `older news of the log change nothing`() {
        var hub = self.hub(110)
        hub.logStands(at: LogStanding(writtenThrough: 105))
        #expect(hub.readableThrough == 110)
        hub.logStands(at: LogStanding(writtenThrough: 120))
        #expect(hub.readableThrough == 110, "the loop has not seen that far itself")
    }

    @Test func `from every cursor in the tail the batches lead to the head`() throws {
        let hub = self.hub(103, 104, 110, 117, 118, capacity: 1_000)
        for start in Int64(100)..<118 {
            var cursor = EventID(start)
            var steps = 0
            while hub.position(of: cursor) == .inTail, steps <= 5 {
                let last = try #require(hub.tailBatch(after: cursor, of: ChannelSelection("people"))).last
                #expect(last > cursor)
                cursor = last
                steps += 1
            }
            #expect(hub.position(of: cursor) == .atHead)
        }
    }

    @Test(arguments: SeededGenerator.seeds(fixed: 3, new: 10))
    func `who follows a channel gets its batches and those of all channels, and no other`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var hub = HubStateMachine<String>(head: 100, tailCapacity: 500)
        var batches: [(last: EventID, channels: Set<ChannelName>?)] = []
        for _ in 0..<300 {
            let isOfAll = Int.random(in: 0..<20, using: &random) == 0
            let channels: [ChannelName] = ["a", "b", "c", "d"].filter { _ in Bool.random(using: &random) }
            let last = EventID(hub.head.rawValue + Int64.random(in: 1...5, using: &random))
            hub.append(through: last, of: isOfAll ? nil : channels)
            batches.append((last, isOfAll ? nil : Set(channels)))
            let cursors = (max(100, hub.head.rawValue - 120)..<hub.head.rawValue).map { EventID($0) }
            guard let start = cursors.filter({ hub.position(of: $0) == .inTail }).randomElement(using: &random) else {
                continue
            }
            var (cursor, found) = (start, [EventID]())
            while let (batch, last) = hub.tailBatch(after: cursor, of: ChannelSelection("b")) {
                #expect(batch == "\(last)")
                found.append(last)
                cursor = last
            }
            let expected = batches.filter { $0.last > start && $0.channels?.contains("b") != false }.map { $0.last }
            try #require(found == expected)
        }
        #expect(hub.position(of: 100) == .belowTail, "some have left the tail")
    }
}

extension HubStateMachine where Batch == String {
    /// A batch named for its last id.
    /// - Parameter standing: nil if everything is written.
    fileprivate mutating func append(
        through last: EventID,
        of channels: [ChannelName]? = ["people"],
        bytes: Int = 10,
        evictedThrough: EventID = .zero,
        standing: LogStanding? = nil
    ) {
        self.batchAppended(
            "\(last)",
            of: channels,
            after: self.head,
            last: last,
            bytes: bytes,
            evictedThrough: evictedThrough,
            standing: standing ?? LogStanding(writtenThrough: last)
        )
    }
}
