import RelayCore
import Testing

extension EventLogContract {
    /// Ids, order, compare-and-swap, stored gaps.
    static let appending: [EventLogContract] = [
        EventLogContract("entries have the order, channel, payload and time of what was appended") { engine in
            let test = try await LogUnderTest(engine)
            let batch = try await test.append(.event("a", "1"), .event("b", "2"), .event("a", "3"))
            #expect(batch.entries.map(\.text) == ["1", "2", "3"])
            #expect(batch.entries.map(\.channel) == ["a", "b", "a"])
            #expect(batch.entries.compactMap(\.event?.time) == Array(repeating: test.clock.timeOfDay, count: 3))
            #expect(try await test.replay("a") == [batch.entries[0], batch.entries[2]])
            #expect(try await test.replay("b") == [batch.entries[1]])
        },

        EventLogContract("batches of every size come back, whatever their payloads") { engine in
            let test = try await LogUnderTest(engine)
            let channels: [ChannelName] = ["a", "b", "c"]
            let payloads = [
                Payload("text"), Payload([0xff, 0x00]), Payload(""), Payload(String(repeating: "x", count: 300)),
            ]
            for size in [1, 31, 32, 33, 63, 64, 65, 97] {
                try await test.append(
                    (0..<size).map {
                        .event(Notification(channel: channels[$0 % 3], payload: payloads[($0 / 3) % 4]))
                    }
                )
            }
            for channel in channels {
                #expect(try await test.replay(channel) == test.entries.filter { $0.channel == channel })
            }
        },

        EventLogContract("ids only grow, within a batch and from one to the next") { engine in
            let test = try await LogUnderTest(engine)
            var newest = test.log.identity.beginsAfter
            for size in 1...20 {
                let before = test.last
                let batch = try await test.append((0..<size).map { .event("a", "\($0)") })
                #expect(batch.after == before)
                for id in batch.entries.map(\.id) {
                    #expect(newest < id && id <= batch.last)
                    newest = id
                }
                #expect(newest == batch.last)
                test.clock.advance(by: .microseconds(size % 3 * 2))
            }
        },

        EventLogContract("an id is the time of its append, where the clock is ahead of the last id") { engine in
            let test = try await LogUnderTest(engine)
            test.clock.advance(by: .seconds(3600))
            let now = test.clock.timeOfDay.microseconds
            let ids = try await test.append(.event("a", "1"), .event("a", "2")).entries.map(\.id.rawValue)
            #expect(ids == [now, now + 1])
        },

        EventLogContract("ids go on one by one while the clock stands still or steps back") { engine in
            let test = try await LogUnderTest(engine)
            test.clock.advance(by: .seconds(3600))
            let first = try await test.append(.event("a", "1")).last
            #expect(try await test.append(.event("a", "2")).last == first.next)
            test.clock.stepTimeOfDay(by: .seconds(-3600 * 24 * 365))
            let batch = try await test.append(.event("a", "3"))
            #expect(batch.last == first.next.next)
            #expect(batch.entries[0].event?.time == test.clock.timeOfDay, "the time is the clock's all the same")
            #expect(try await test.replay("a") == test.entries)
        },

        EventLogContract("a payload comes back byte for byte") { engine in
            let test = try await LogUnderTest(engine)
            let payloads: [[UInt8]] = [
                [], [0x20], [0x00], Array("a\0b".utf8), Array("größe 🐘".utf8), [0xff, 0xfe, 0x00], [0x61, 0xe4],
                Array(repeating: 0x78, count: 7_999), Array(repeating: 0xe4, count: 7_999),
                Array(repeating: 0x79, count: 1 << 20), Array("'; DROP TABLE event; --".utf8),
            ]
            try await test.append(
                payloads.map { .event(Notification(channel: "a", payload: Payload($0))) }
            )
            let events = try await test.replay("a").compactMap(\.event)
            #expect(events.map(\.payload) == payloads.map { Payload($0) })
            #expect(test.entries.compactMap(\.event) == events)
        },

        EventLogContract("any channel name is a name and nothing else") { engine in
            let test = try await LogUnderTest(engine)
            let names: [ChannelName] = [
                "a", "A", "a.b", "'; DROP TABLE channel; --", "\"", "é", "e\u{301}", "%", "_", "🐘",
            ]
            for (number, name) in names.enumerated() { try await test.append(.event(name, "\(number)")) }
            for (number, name) in names.enumerated() { #expect(try await test.texts(name) == ["\(number)"]) }
        },

        EventLogContract("an append that expects another newest id writes nothing and names it") { engine in
            let test = try await LogUnderTest(engine)
            let first = try await test.append(.event("a", "1")).last
            for expected in [0, test.log.identity.beginsAfter, EventID(first.rawValue - 1), first.next] {
                let outcome = try await test.log.append([.event("a", "other")], expecting: expected)
                guard case .conflict(last: first) = outcome else {
                    Issue.record("\(outcome), expecting \(expected)")
                    continue
                }
            }
            #expect(try await test.texts("a") == ["1"])
            try await test.append(.event("a", "2"))
            #expect(try await test.texts("a") == ["1", "2"])
        },

        EventLogContract("an append of nothing is nothing") { engine in
            let test = try await LogUnderTest(engine)
            let last = test.last
            let batch = try await test.append([])
            #expect(batch.entries == [])
            #expect(batch.after == last && batch.last == last)
        },

        EventLogContract("a gap is stored with an id of its own, after the newest id before it") { engine in
            let test = try await LogUnderTest(engine)
            try await test.append(.recordingStarted("a"), .event("a", "1"))
            let batch = try await test.append(.event("a", "2"), .gap(.disconnected, after: nil), .event("a", "3"))
            let gap = try #require(batch.entries[1].gap)
            #expect(gap.after == batch.entries[0].id && gap.before == gap.id.next)
            #expect(gap.reason == .disconnected && gap.channel == nil && gap.lost == nil)
            #expect(batch.entries[0].id < gap.id && gap.id < batch.entries[2].id)
        },

        EventLogContract("a gap begins where it is said to begin") { engine in
            let test = try await LogUnderTest(engine)
            let first = try await test.append(.recordingStarted("a"), .event("a", "1")).last
            try await test.append(.event("a", "2"))
            let gap = try await test.append(.gap(.restarted, after: first)).entries[0].gap
            #expect(gap?.after == first)
        },

        EventLogContract("a recording begins once, with a gap of its channel from the beginning") { engine in
            let test = try await LogUnderTest(engine)
            let gap = try #require(try await test.append(.recordingStarted("a")).entries.first?.gap)
            #expect(gap == Gap(id: gap.id, channel: "a", after: .zero, before: gap.id.next, reason: .unrecorded))
            #expect(try await test.append(.recordingStarted("a")).entries == [])
            #expect(try await test.log.recordedChannels() == ["a"])
        },

        EventLogContract("a recording that was given up and begins again has a gap from where it ended") { engine in
            let test = try await LogUnderTest(engine)
            let last = try await test.append(.recordingStarted("a"), .event("a", "1")).last
            #expect(try await test.append(.recordingStopped("a")).entries == [])
            #expect(try await test.log.recordedChannels() == [])
            try await test.append(.event("b", "elsewhere"))
            let gap = try await test.append(.recordingStarted("a")).entries.first?.gap
            #expect(gap?.after == last)
            #expect(gap?.reason == .unrecorded)
            #expect(try await test.log.recordedChannels() == ["a"])
        },

        EventLogContract("to give up all channels but some ends the recording of the others where they are") { engine in
            let test = try await LogUnderTest(engine)
            try await test.append(.recordingStarted("a"), .recordingStarted("b"), .recordingStarted("c"))
            try await test.append(.recordingStopped("c"))
            let last = try await test.append(.event("a", "1")).last
            #expect(try await test.append(.recordingOnly(["b", "unknown"])).entries == [])
            #expect(try await test.log.recordedChannels() == ["b"])
            let begun = try await test.append(.recordingStarted("a"), .recordingStarted("b"), .recordingStarted("c"))
            #expect(begun.entries.compactMap(\.gap?.channel) == ["a", "c"])
            #expect(begun.entries[0].gap?.after == last)
            #expect(begun.entries[1].gap?.after.rawValue ?? .max < last.rawValue, "it had ended before")
        },

        EventLogContract("to give up a channel that is not known changes nothing") { engine in
            let test = try await LogUnderTest(engine)
            let last = test.last
            #expect(try await test.append(.recordingStopped("a")).last == last)
            #expect(try await test.log.recordedChannels() == [])
        },
    ]
}
