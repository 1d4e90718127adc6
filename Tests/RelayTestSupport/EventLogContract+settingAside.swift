import RelayCore
import Testing

extension EventLogContract {
    /// Ids given while the log can't be written.
    static let settingAside: [EventLogContract] = [
        EventLogContract("its figures follow with each tick") { engine in
            let test = try await LogUnderTest(engine)
            #expect(test.log.figures.events == 0 && test.log.figures.oldest == nil)
            let oldest = test.clock.serverClock.now()
            try await test.append("a", ["1", "2"])
            test.clock.advance(by: .seconds(1))
            try await test.append("b", ["3"])
            try await test.log.tick()
            #expect(test.log.figures.events == 3 && test.log.figures.oldest == oldest)
            #expect(test.log.figures.setAsideEvents == 0)
            try await test.setAside(.event("a", "4"), .event("a", "5"))
            try await test.log.tick()
            #expect(test.log.figures.events == 3 && test.log.figures.setAsideEvents == 2)
            try await test.append([])
            try await test.log.tick()
            #expect(test.log.figures.events == 5 && test.log.figures.setAsideEvents == 0)
        },

        EventLogContract("what is set aside has ids and is not in the log") { engine in
            let test = try await LogUnderTest(engine)
            try await test.append("a", ["1"])
            let before = test.last
            let batch = try await test.setAside(.event("a", "2"), .gap(.disconnected, after: nil), .event("a", "3"))
            #expect(batch.after == before)
            #expect(batch.entries.map(\.text) == ["2", "[disconnected]", "3"])
            #expect(batch.entries.map(\.id).allSatisfy { before < $0 && $0 <= batch.last })
            #expect(batch.entries.map(\.id) == batch.entries.map(\.id).sorted())
            #expect(batch.standing == LogStanding(writtenThrough: before))
            #expect(try await test.texts("a") == ["1"])
        },

        EventLogContract("the next append writes what is set aside, as it was, before its own") { engine in
            let test = try await LogUnderTest(engine)
            try await test.append(.recordingStarted("a"), .event("a", "1"))
            for number in 2...5 { try await test.setAside(.event("a", "\(number)"), .event("b", "\(number)")) }
            test.clock.advance(by: .seconds(3))
            let batch = try await test.append(.event("a", "6"))
            #expect(batch.entries.map(\.text) == ["6"])
            #expect(batch.standing == LogStanding(writtenThrough: batch.last))
            for channel in ["a", "b"] as [ChannelName] {
                #expect(
                    try await test.replay(channel) == test.entries.filter { $0.channel == channel && !$0.isBeginning }
                )
            }
        },

        EventLogContract("an append of nothing writes what is set aside") { engine in
            let test = try await LogUnderTest(engine)
            try await test.log.tick()
            let aside = try await test.setAside(.event("a", "1"))
            let batch = try await test.append([])
            #expect(batch.after == aside.last && batch.last == aside.last && batch.entries == [])
            #expect(batch.standing == LogStanding(writtenThrough: aside.last))
            #expect(try await test.replay("a") == aside.entries)
        },

        EventLogContract("what is set aside is as much a compare-and-swap as an append") { engine in
            let test = try await LogUnderTest(engine)
            try await test.log.tick()
            let first = test.last
            try await test.setAside(.event("a", "1"))
            for outcome in [
                try await test.log.setAside([.event("a", "2")], expecting: first),
                try await test.log.append([.event("a", "2")], expecting: first),
            ] {
                guard case .conflict(let last) = outcome else { return #expect(Bool(false), "no conflict") }
                #expect(last == test.last)
            }
            try await test.append([])
            #expect(try await test.texts("a") == ["1"])
        },

        EventLogContract("where recordings begin and end meanwhile is kept") { engine in
            let test = try await LogUnderTest(engine)
            let begin = try await test.append(.recordingStarted("a"), .recordingStarted("b")).last
            let stop = try await test.setAside(.event("a", "1"), .recordingStopped("a"), .event("b", "1")).entries[0].id
            try await test.setAside(.event("b", "2"))
            let again = try await test.setAside(.recordingStarted("a"), .event("a", "2"), .recordingStarted("b"))
            #expect(again.entries.map(\.text) == ["[unrecorded]", "2"])
            #expect(again.entries[0].gap?.after == stop)
            #expect(try await test.setAside(.recordingOnly(["a"])).entries == [])
            try await test.append([])
            #expect(try await test.log.recordedChannels() == ["a"])
            #expect(try await test.texts("a", after: begin) == ["1", "[unrecorded]", "2"])
            #expect(try await test.append(.recordingStarted("a")).entries == [])
            #expect(try await test.append(.recordingStarted("b")).entries.map(\.text) == ["[unrecorded]"])
        },
    ]
}

extension LogEntry {
    /// Where a channel's first recording began, which a cursor of 0 is not told.
    fileprivate var isBeginning: Bool { self.gap?.reason == .unrecorded && self.gap?.after == .zero }
}
