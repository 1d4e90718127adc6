import RelayCore
import Testing

extension EventLogContract {
    /// Replay from a cursor.
    static let reading: [EventLogContract] = [
        EventLogContract("a cursor is told what is newer than it, and nothing else") { engine in
            let test = try await LogUnderTest(engine)
            let begin = test.last
            let ids = try await test.append("a", ["1", "2", "3"])
            #expect(try await test.texts("a") == ["1", "2", "3"])
            #expect(try await test.texts("a", after: begin) == ["1", "2", "3"])
            #expect(try await test.texts("a", after: EventID(ids[0].rawValue - 1)) == ["1", "2", "3"])
            #expect(try await test.texts("a", after: ids[0]) == ["2", "3"])
            #expect(try await test.texts("a", after: ids[1]) == ["3"])
            #expect(try await test.texts("a", after: ids[2]) == [])
        },

        EventLogContract("at and beyond the head there is nothing, without a gap") { engine in
            let test = try await LogUnderTest(engine)
            try await test.append("a", ["1", "2"])
            for cursor in [test.last, test.last.next] {
                let page = try await test.log.read("a", after: cursor, through: test.last, limit: 10)
                #expect(page.entries == [])
                #expect(page.atEnd)
            }
        },

        EventLogContract("nothing is told beyond the end of the range") { engine in
            let test = try await LogUnderTest(engine)
            let ids = try await test.append("a", ["1", "2", "3"])
            let page = try await test.log.read("a", after: .zero, through: ids[1], limit: 10)
            #expect(page.entries.map(\.text) == ["1", "2"])
            #expect(page.atEnd)
            #expect(page.next == ids[1])
        },

        EventLogContract("pages of any size add up to the whole") { engine in
            let test = try await LogUnderTest(engine)
            try await test.append(.recordingStarted("a"), .event("a", "1"), .event("b", "x"), .event("a", "2"))
            try await test.append(.gap(.disconnected, after: nil), .gap(.restarted, after: nil), .event("a", "3"))
            try await test.append(.recordingStopped("a"), .recordingStarted("a"), .event("b", "x"), .event("a", "4"))
            let whole = test.entries.told(to: "a")
            #expect(
                whole.map(\.text) == [
                    "[unrecorded]", "1", "2", "[disconnected]", "[restarted]", "3", "[unrecorded]", "4",
                ]
            )
            let beginning = EventID(whole[0].id.rawValue - 1)
            for limit in 1...9 {
                #expect(try await test.replay("a", after: beginning, limit: limit) == whole)
            }
        },

        EventLogContract("a channel that was never heard of has nothing to tell") { engine in
            let test = try await LogUnderTest(engine)
            try await test.append("a", ["1"])
            #expect(try await test.replay("never") == [])
        },

        EventLogContract("where a recording began is told to those who claim to have seen something before") { engine in
            let test = try await LogUnderTest(engine)
            let before = try await test.append(.event("b", "x")).last
            let began = try await test.append(.recordingStarted("a"), .event("a", "1")).entries[0].id
            #expect(try await test.texts("a", after: .zero) == ["1"])
            #expect(try await test.texts("a", after: before) == ["[unrecorded]", "1"])
            #expect(try await test.texts("a", after: began) == ["1"])
        },

        EventLogContract("that a recording had stopped is told to everybody") { engine in
            let test = try await LogUnderTest(engine)
            try await test.append(.recordingStarted("a"), .event("a", "1"), .recordingStopped("a"))
            try await test.append(.recordingStarted("a"), .event("a", "2"))
            #expect(try await test.texts("a", after: .zero) == ["1", "[unrecorded]", "2"])
        },

        EventLogContract("a gap of all channels is told to the channels that were recorded then") { engine in
            let test = try await LogUnderTest(engine)
            try await test.append(.recordingStarted("early"))
            let gap = try await test.append(.gap(.disconnected, after: nil)).entries[0]
            let begin = try await test.append(.recordingStarted("late")).entries[0]
            #expect(try await test.replay("early") == [gap].told(to: "early"))
            #expect(try await test.replay("late") == [])
            #expect(try await test.replay("late", after: EventID(gap.id.rawValue - 1)) == [begin])
        },

        EventLogContract("several channels are told in one order, in pages of any size, each entry once") { engine in
            let test = try await LogUnderTest(engine)
            try await test.append(.recordingStarted("a"), .recordingStarted("b"), .recordingStarted("orders.eu"))
            try await test.append(.event("a", "1"), .event("b", "2"), .event("orders.eu", "3"), .event("b", "4"))
            try await test.append(.gap(.disconnected, after: nil), .event("c", "5"), .event("a", "6"))
            try await test.append(.event("orders.us", "7"), .event("a", "8"), .event("orders.eu", "9"))
            let whole = ["1", "2", "3", "4", "[disconnected]", "5", "6", "7", "8", "9"]
            for (selection, numbers) in [
                (ChannelSelection(["a", "b"]), [0, 1, 3, 4, 6, 8]),
                (ChannelSelection(["b"], patterns: [ChannelGlob("orders.*")]), [1, 2, 3, 4, 7, 9]),
                (ChannelSelection([], patterns: [ChannelGlob("*")]), Array(0...9)),
                (ChannelSelection(["a"], patterns: [ChannelGlob("a")]), [0, 4, 6, 8]),
                (
                    ChannelSelection(
                        [],
                        patterns: [ChannelGlob("*")],
                        within: [[ChannelGlob("orders.*")], [ChannelGlob("*.eu")]]
                    ),
                    [2, 4, 9]
                ),
            ] as [(ChannelSelection, [Int])] {
                for limit in 1...11 {
                    let told = try await test.replay(selection, limit: limit)
                    #expect(told.map(\.text) == numbers.map { whole[$0] }, "\(selection), \(limit) a page")
                    // A gap that concerns all of them is nobody's.
                    #expect(told.compactMap(\.gap).allSatisfy { $0.channel == nil })
                }
            }
            let nothing = try await test.replay(ChannelSelection(["x", "y"]))
            #expect(nothing == [])
        },

        EventLogContract("of several channels a gap of one is told as its own") { engine in
            let test = try await LogUnderTest(engine)
            try await test.append(.recordingStarted("a"), .recordingStarted("b"), .event("a", "1"))
            try await test.append(.recordingStopped("b"), .recordingStarted("b"), .event("b", "2"))
            let told = try await test.replay(ChannelSelection(["a", "b"]))
            #expect(told.map(\.text) == ["1", "[unrecorded]", "2"])
            #expect(told.compactMap(\.gap).map(\.channel) == ["b"])
        },

        EventLogContract("a channel that was merely quiet has no gap") { engine in
            let test = try await LogUnderTest(engine)
            let quiet = try await test.append(.recordingStarted("quiet"), .event("quiet", "1")).last
            try await test.append("loud", (0..<50).map(String.init))
            #expect(try await test.replay("quiet", after: quiet) == [])
        },
    ]
}
