package import RelayCore
import Testing

extension EventLogContract {
    /// Bounds, floors, and what a cursor below a floor is told.
    static let retention: [EventLogContract] = [
        EventLogContract("at most so many events are kept, the newest") { engine in
            let test = try await LogUnderTest(engine, .events(10))
            try await test.append("a", (1...25).map(String.init))
            #expect(try await test.texts("a", after: test.floor("a")) == (16...25).map(String.init))
        },

        EventLogContract("a batch larger than the log leaves its newest events") { engine in
            let test = try await LogUnderTest(engine, .events(10))
            let batch = try await test.append((1...25).map { .event("a", "\($0)") })
            #expect(batch.entries.count == 25)
            #expect(batch.evictedThrough == batch.entries[14].id)
            #expect(try await test.texts("a") == ["[evicted]"] + (16...25).map(String.init))
        },

        EventLogContract("a cursor below the floor gets a gap up to it, one at the floor doesn't") { engine in
            let test = try await LogUnderTest(engine, .events(10))
            let ids = try await test.append("a", (1...15).map(String.init))
            let floor = ids[4]
            #expect(try await test.floor("a") == floor)
            #expect(try await test.texts("a", after: floor) == (6...15).map(String.init))
            for cursor in [EventID(floor.rawValue - 1), ids[0], test.log.identity.beginsAfter, 0] {
                let told = try await test.replay("a", after: cursor)
                let gap = try #require(told.first?.gap)
                let lost = gap.lost
                #expect(
                    gap == Gap(id: floor, channel: "a", after: cursor, before: floor.next, lost: lost, reason: .evicted)
                )
                let missed = ids[...4].count { $0 > cursor }
                #expect(lost == nil || lost == missed)
                #expect(told.dropFirst().map(\.text) == (6...15).map(String.init))
            }
        },

        EventLogContract("a cursor that has seen nothing is told how many were evicted") { engine in
            let test = try await LogUnderTest(engine, .events(10))
            try await test.append(.recordingStarted("a"))
            try await test.append("a", (1...33).map(String.init))
            #expect(try await test.replay("a").first?.gap?.lost == 23)
        },

        EventLogContract("how many are lost is not told where others may be missing too") { engine in
            let test = try await LogUnderTest(engine, .events(10))
            try await test.append(.recordingStarted("a"), .event("a", "0"), .gap(.disconnected, after: nil))
            try await test.append("a", (1...33).map(String.init))
            let gap = try #require(try await test.replay("a").first?.gap)
            #expect(gap.reason == .evicted)
            #expect(gap.lost == nil, "what was sent during the outage is missing as well")
        },

        EventLogContract("a floor that has passed the end of a page's range is told up to there") { engine in
            let test = try await LogUnderTest(engine, .events(10))
            let ids = try await test.append("a", (1...15).map(String.init))
            let page = try await test.log.read("a", after: .zero, through: ids[2], limit: 10)
            #expect(page.entries.compactMap(\.gap).map(\.before) == [ids[2].next])
            #expect(page.entries.count == 1)
            #expect(page.next == ids[2])
            #expect(page.atEnd)
        },

        EventLogContract("a page of one entry is one entry, also with a gap") { engine in
            let test = try await LogUnderTest(engine, .events(10))
            try await test.append("a", (1...15).map(String.init))
            let told = try await test.replay("a", limit: 1)
            #expect(told.map(\.text) == ["[evicted]"] + (6...15).map(String.init))
        },

        EventLogContract("who loses nothing is told nothing: a quiet channel beside a loud one") { engine in
            let test = try await LogUnderTest(engine, .events(10))
            let begin = try await test.append(.recordingStarted("quiet")).last
            try await test.append("loud", (1...30).map(String.init))
            try await test.append(.event("quiet", "1"))
            #expect(try await test.texts("quiet", after: begin) == ["1"])
            #expect(try await test.texts("quiet", after: .zero) == ["1"])
            #expect(try await test.floor("quiet") == .zero)
        },

        EventLogContract("each channel has a floor of its own") { engine in
            let test = try await LogUnderTest(engine, .events(4))
            let a = try await test.append("a", ["a1", "a2"])
            let b = try await test.append("b", ["b1", "b2", "b3"])
            #expect(try await test.floor("a") == a[0])
            #expect(try await test.floor("b") == .zero)
            try await test.append("c", ["c1", "c2"])
            #expect(try await test.floor("a") == a[1])
            #expect(try await test.floor("b") == b[0])
            #expect(try await test.texts("a") == ["[evicted]"])
            #expect(try await test.texts("b") == ["[evicted]", "b2", "b3"])
        },

        EventLogContract("a loud channel's own limit keeps it from evicting a quiet one") { engine in
            var retention = Retention.events(1_000)
            retention.maximumEventsPerChannel = 5
            let test = try await LogUnderTest(engine, retention)
            try await test.append(.event("quiet", "1"))
            let loud = try await test.append("loud", (1...50).map(String.init))
            try await test.append(.event("quiet", "2"))
            #expect(try await test.texts("quiet") == ["1", "2"])
            #expect(try await test.texts("loud") == ["[evicted]"] + (46...50).map(String.init))
            #expect(try await test.floor("loud") == loud[44])
        },

        EventLogContract("of several channels each tells first what was evicted of it") { engine in
            var retention = Retention.events(1_000)
            retention.maximumEventsPerChannel = 3
            let test = try await LogUnderTest(engine, retention)
            let begin = test.last
            let quiet = try await test.append("quiet", ["q1"])
            let loud = try await test.append("loud", (1...5).map { "l\($0)" })
            try await test.append("quiet", ["q2"])
            let both = ChannelSelection(["loud", "quiet"])
            for cursor in [begin, quiet[0], loud[0], 0] {
                for limit in [1, 2, 100] {
                    let told = try await test.replay(both, after: cursor, limit: limit)
                    let id = try #require(told.first).id
                    let gap = Gap(id: id, channel: "loud", after: cursor, before: loud[1].next, reason: .evicted)
                    #expect(told.first == .gap(gap))
                    // Behind what it says, where nothing lies before.
                    #expect(cursor < quiet[0] ? id < quiet[0] : id == loud[1])
                    let all = ["q1", "l3", "l4", "l5", "q2"]
                    #expect(told.dropFirst().map(\.text) == (cursor < quiet[0] ? all : Array(all.dropFirst())))
                }
            }
            #expect(try await test.replay(both, after: loud[1]).map(\.text) == ["l3", "l4", "l5", "q2"])
        },

        EventLogContract("what was evicted is told when the channel was given up for good, too") { engine in
            var retention = Retention.roomy
            retention.maximumAge = .seconds(60)
            let test = try await LogUnderTest(engine, retention)
            let begin = try await test.append(.recordingStarted("orders.7"), .recordingStarted("kept")).last
            let seen = try await test.append("orders.7", ["1", "2", "3"])
            try await test.append(.recordingStopped("orders.7"))
            test.clock.advance(by: .seconds(61))
            try await test.append("kept", ["4"])
            for _ in 1...2 { try await test.log.tick() }
            for isReopened in [false, true] {
                if isReopened { try await test.reopen() }
                for selection in [
                    ChannelSelection([], patterns: [ChannelGlob("orders.*")]),
                    ChannelSelection(["kept"], patterns: [ChannelGlob("*")]),
                    ChannelSelection(["kept", "orders.7"]),
                ] {
                    for cursor in [begin, seen[1]] {
                        let told = try await test.replay(selection, after: cursor, limit: 1)
                        #expect(told.map(\.text) == (selection.names.isEmpty ? ["[evicted]"] : ["[evicted]", "4"]))
                        let gap = try #require(told.first?.gap)
                        #expect(gap.after == cursor && gap.before == seen[2].next && gap.lost == nil)
                        // A log may have forgotten whose it was.
                        #expect(gap.channel == nil || gap.channel == "orders.7")
                        let query = HistoryQuery(selection, after: cursor)
                        #expect(try await test.log.history(query).entries.first?.gap?.before == gap.before)
                    }
                    let told = try await test.replay(selection, after: seen[2])
                    #expect(told.map(\.text) == (selection.names.isEmpty ? [] : ["4"]))
                }
                let gap = Gap(
                    id: seen[2],
                    channel: "orders.7",
                    after: seen[0],
                    before: seen[2].next,
                    reason: .evicted
                )
                #expect(try await test.replay("orders.7", after: seen[0]) == [.gap(gap)])
                #expect(try await test.history("orders.7", after: seen[0]).entries == [.gap(gap)])
                #expect(try await test.floor("orders.7") == seen[2])
                #expect(try await test.texts("kept", after: begin) == ["4"], "nothing of it was evicted")
            }
        },

        EventLogContract("events older than the limit go with the next tick, by their time of arrival") { engine in
            var retention = Retention.roomy
            retention.maximumAge = .seconds(60)
            let test = try await LogUnderTest(engine, retention)
            try await test.append(.recordingStarted("a"))
            let old = try await test.append("a", ["1", "2"])
            test.clock.advance(by: .seconds(30))
            try await test.append("a", ["3"])
            test.clock.advance(by: .seconds(30))
            try await test.log.tick()
            #expect(try await test.texts("a") == ["1", "2", "3"], "exactly as old as the limit")
            test.clock.advance(by: .microseconds(1))
            try await test.log.tick()
            #expect(try await test.texts("a") == ["[evicted]", "3"])
            #expect(try await test.floor("a") == old[1])
            test.clock.advance(by: .seconds(30))
            try await test.log.tick()
            #expect(try await test.texts("a") == ["[evicted]"])
        },

        EventLogContract("what came while the clock was ahead is as old as what came after it") { engine in
            var retention = Retention.roomy
            retention.maximumAge = .seconds(60)
            let test = try await LogUnderTest(engine, retention)
            try await test.append(.recordingStarted("a"))
            // A hardware clock that is taken for that of another time zone.
            test.clock.stepTimeOfDay(by: .seconds(43_200))
            try await test.append("a", ["ahead"])
            test.clock.stepTimeOfDay(by: .seconds(-43_200))
            let next = try await test.append("a", ["1"])[0]
            test.clock.advance(by: .seconds(60))
            try await test.append("a", ["2"])
            try await test.log.tick()
            #expect(try await test.texts("a") == ["ahead", "1", "2"])
            test.clock.advance(by: .microseconds(1))
            try await test.log.tick()
            #expect(try await test.texts("a") == ["[evicted]", "2"])
            #expect(try await test.floor("a") == next)
        },

        EventLogContract("a clock that falls behind makes nothing old") { engine in
            var retention = Retention.roomy
            retention.maximumAge = .seconds(60)
            let test = try await LogUnderTest(engine, retention)
            try await test.append("a", ["1", "2"])
            test.clock.stepTimeOfDay(by: .seconds(-86_400 * 365))
            try await test.append("a", ["3"])
            for _ in 1...3 { try await test.log.tick() }
            #expect(try await test.texts("a") == ["1", "2", "3"])
        },

        EventLogContract("the limit of bytes holds, and is used") { engine in
            var retention = Retention.roomy
            retention.maximumBytes = 2 << 20
            let test = try await LogUnderTest(engine, retention)
            let payload = String(repeating: "x", count: 1_000)
            for _ in 0..<60 { try await test.append((0..<100).map { _ in .event("a", payload) }) }
            let kept = try await test.replay("a").compactMap(\.event).reduce(0) { $0 + $1.payload.bytes.count }
            #expect(kept <= 2 << 20)
            #expect(kept >= 1 << 20)
        },

        EventLogContract("all limits hold at once") { engine in
            let retention = Retention(
                maximumBytes: 2 << 20,
                maximumEvents: 40,
                maximumAge: .seconds(60),
                maximumEventsPerChannel: 15
            )
            let test = try await LogUnderTest(engine, retention)
            for round in 0..<40 {
                test.clock.advance(by: .seconds(4))
                for channel in ["a", "b", "c", "d"] as [ChannelName] {
                    try await test.append((0...(round % 3)).map { .event(channel, "\(round).\($0)") })
                }
                try await test.log.tick()
                var kept = 0
                for channel in ["a", "b", "c", "d"] as [ChannelName] {
                    let events = try await test.replay(channel).compactMap(\.event)
                    let floor = try await test.floor(channel)
                    let expected = test.entries.filter { $0.channel == channel && $0.id > floor }.compactMap(\.event)
                    #expect(events == expected, "what lies above the floor is whole")
                    #expect(events.count <= 15)
                    #expect(events.allSatisfy { $0.time.advanced(by: .seconds(60)) >= test.clock.timeOfDay })
                    kept += events.count
                }
                #expect(kept <= 40)
            }
        },

        EventLogContract("a batch says up to where events may be gone") { engine in
            let test = try await LogUnderTest(engine, .events(5))
            var known = EventID.zero
            for number in 1...20 {
                let batch = try await test.append(.event(number % 2 == 0 ? "a" : "b", "\(number)"))
                let floors = try await max(test.floor("a"), test.floor("b"))
                #expect(batch.evictedThrough >= floors)
                #expect(batch.evictedThrough >= known)
                known = batch.evictedThrough
            }
        },

        EventLogContract("history begins with a gap where the page after an id was evicted") { engine in
            let test = try await LogUnderTest(engine, .events(10))
            let ids = try await test.append("a", (1...15).map(String.init))
            let page = try await test.history("a", after: ids[0], limit: 3)
            #expect(page.entries.map(\.text) == ["[evicted]", "6", "7"])
            #expect(page.hasMore)
            #expect(page.positions.oldest == ids[5])
            #expect(page.positions.floor == ids[4])
            #expect(try await test.history("a", after: ids[4], limit: 3).entries.map(\.text) == ["6", "7", "8"])
            #expect(try await test.history("a", limit: 100).entries.map(\.text) == (6...15).map(String.init))
        },
    ]
}

extension Retention {
    /// At most so many events, and no other limit that counts.
    package static func events(_ count: Int) -> Retention {
        var retention = Retention.roomy
        retention.maximumEvents = count
        return retention
    }
}

extension LogUnderTest {
    package func floor(_ channel: ChannelName) async throws -> EventID {
        try await self.history(channel, limit: 0).positions.floor
    }
}
