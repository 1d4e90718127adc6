import RelayCore
import Testing

extension EventLogContract {
    /// Windows for people, and positions.
    static let history: [EventLogContract] = [
        EventLogContract("history gives the newest page by default, ascending") { engine in
            let test = try await LogUnderTest(engine)
            try await test.append("a", ["1", "2", "3", "4"])
            let page = try await test.history("a", limit: 3)
            #expect(page.entries.map(\.text) == ["2", "3", "4"])
            #expect(page.hasMore)
            #expect(try await test.history("a", limit: 4).hasMore == false)
        },

        EventLogContract("history goes forward after an id, backward before one, and between both") { engine in
            let test = try await LogUnderTest(engine)
            let ids = try await test.append("a", ["1", "2", "3", "4", "5"])
            func texts(after: EventID? = nil, before: EventID? = nil, limit: Int) async throws -> ([String], Bool) {
                let page = try await test.history("a", after: after, before: before, limit: limit)
                return (page.entries.map(\.text), page.hasMore)
            }
            #expect(try await texts(after: ids[0], limit: 2) == (["2", "3"], true))
            #expect(try await texts(after: ids[2], limit: 2) == (["4", "5"], false))
            #expect(try await texts(after: ids[4], limit: 2) == ([], false))
            #expect(try await texts(after: .zero, limit: 2) == (["1", "2"], true))
            #expect(try await texts(before: ids[4], limit: 2) == (["3", "4"], true))
            #expect(try await texts(before: ids[2], limit: 2) == (["1", "2"], false))
            #expect(try await texts(before: ids[0], limit: 2) == ([], false))
            #expect(try await texts(after: ids[0], before: ids[4], limit: 9) == (["2", "3", "4"], false))
            #expect(try await texts(after: ids[0], before: ids[4], limit: 2) == (["2", "3"], true))
            #expect(try await texts(after: ids[0], before: ids[1], limit: 9) == ([], false))
            #expect(try await texts(after: ids[3], before: ids[1], limit: 9) == ([], false))
        },

        EventLogContract("gaps stand in history where they lie") { engine in
            let test = try await LogUnderTest(engine)
            let begin = try await test.append(.recordingStarted("a"), .event("a", "1"), .gap(.disconnected, after: nil))
            try await test.append(.event("a", "2"), .event("b", "x"))
            #expect(try await test.history("a").entries.map(\.text) == ["1", "[disconnected]", "2"])
            let forward = try await test.history("a", after: begin.entries[1].id)
            #expect(forward.entries.map(\.text) == ["[disconnected]", "2"])
        },

        EventLogContract("there is more only where there is more") { engine in
            let test = try await LogUnderTest(engine)
            try await test.append(.recordingStarted("a"))
            for limit in 0...2 {
                #expect(try await test.history("a", limit: limit).hasMore == false, "nothing, \(limit)")
            }
            try await test.append(.gap(.disconnected, after: nil))
            #expect(try await test.history("a", limit: 1).hasMore == false, "one gap")
            try await test.append(.event("a", "1"))
            #expect(try await test.history("a", limit: 1).hasMore)
            #expect(try await test.history("a", limit: 2).hasMore == false, "a gap and an event")
        },

        EventLogContract("a limit of 0 gives the positions alone") { engine in
            let test = try await LogUnderTest(engine)
            let began = test.clock.timeOfDay
            try await test.append(.recordingStarted("a"))
            test.clock.advance(by: .seconds(10))
            let ids = try await test.append("a", ["1", "2"])
            let page = try await test.history("a", limit: 0)
            #expect(page.entries == [])
            #expect(page.hasMore)
            #expect(
                page.positions
                    == ChannelPositions(oldest: ids[0], newest: ids[1], floor: .zero, recordedSince: began)
            )
        },

        EventLogContract("history of an unknown channel is empty and not recorded") { engine in
            let test = try await LogUnderTest(engine)
            let page = try await test.history("never")
            #expect(page.entries == [])
            #expect(!page.hasMore)
            #expect(page.positions == .unknown)
        },

        EventLogContract("a census has what is recorded, and what there is of it") { engine in
            let test = try await LogUnderTest(engine)
            let began = test.clock.timeOfDay
            try await test.append(.recordingStarted("a"), .recordingStarted("b"), .recordingStarted("c"))
            let ids = try await test.append("a", ["1", "ä", ""])
            try await test.append(.event("c", "x"), .recordingStopped("c"))
            // What is counted may be given again for a while.
            test.clock.advance(by: .seconds(60))
            let census = try await test.log.census()
            let positions = ChannelPositions(oldest: ids[0], newest: ids[2], floor: .zero, recordedSince: began)
            let empty = ChannelPositions(oldest: nil, newest: nil, floor: .zero, recordedSince: began)
            #expect(
                census.channels == [
                    "a": ChannelFigures(events: 3, bytes: 3, positions: positions),
                    "b": ChannelFigures(events: 0, bytes: 0, positions: empty),
                ]
            )
            #expect(census.taken <= test.clock.timeOfDay)
            try await test.append("a", ["2"])
            test.clock.advance(by: .seconds(60))
            #expect(try await test.log.census().channels["a"]?.events == 4)
        },

        EventLogContract("a recording's beginning is known while it lasts") { engine in
            let test = try await LogUnderTest(engine)
            let first = test.clock.timeOfDay
            try await test.append(.recordingStarted("a"))
            test.clock.advance(by: .seconds(5))
            try await test.append(.recordingStarted("a"))
            #expect(try await test.history("a").positions.recordedSince == first)
            try await test.append(.recordingStopped("a"))
            #expect(try await test.history("a").positions.recordedSince == nil)
            test.clock.advance(by: .seconds(5))
            try await test.append(.recordingStarted("a"))
            #expect(try await test.history("a").positions.recordedSince == test.clock.timeOfDay)
        },
    ]
}
