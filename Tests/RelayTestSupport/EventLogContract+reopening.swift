import RelayCore
import Testing

extension EventLogContract {
    /// Close and open again.
    static let reopening: [EventLogContract] = [
        EventLogContract("a new log knows that it is new") { engine in
            let identity = try await LogUnderTest(engine).log.identity
            #expect(identity.isNew && identity.wasClean)
            #expect(identity.last == identity.beginsAfter && identity.lastFound == identity.last)
            #expect(!identity.logID.isEmpty)
        },

        EventLogContract("what was appended is there again, and ids go on above it") { engine in
            let test = try await LogUnderTest(engine)
            try await test.append(.recordingStarted("a"), .event("a", "1"), .gap(.disconnected, after: nil))
            try await test.append(.event("a", "2"))
            let (told, last) = (try await test.replay("a"), test.last)
            try await test.reopen()
            #expect(try await test.replay("a") == told)
            #expect(test.last == last)
            #expect(try await test.append(.event("a", "3")).after == last)
            #expect(test.last > last)
            #expect(try await test.texts("a") == ["1", "[disconnected]", "2", "3"])
        },

        EventLogContract("a log keeps its name and its beginning") { engine in
            let test = try await LogUnderTest(engine)
            let first = test.log.identity
            try await test.append("a", ["1"])
            try await test.reopen()
            let second = test.log.identity
            #expect(second.logID == first.logID)
            #expect(second.beginsAfter == first.beginsAfter)
            #expect(!second.isNew)
            #expect(second.wasClean)
            #expect(second.lastFound == second.last)
        },

        EventLogContract("ids go on after the last one, also when the clock has been set back") { engine in
            let test = try await LogUnderTest(engine)
            test.clock.advance(by: .seconds(3600))
            let last = try await test.append("a", ["1"])[0]
            test.clock.stepTimeOfDay(by: .seconds(-86_400))
            try await test.reopen()
            #expect(try await test.append(.event("a", "2")).last == last.next)
        },

        EventLogContract("which channels are recorded, and since when, outlives a restart") { engine in
            let test = try await LogUnderTest(engine)
            let since = test.clock.timeOfDay
            try await test.append(.recordingStarted("a"), .recordingStarted("b"), .recordingStarted("c"))
            try await test.append(.recordingStopped("b"))
            test.clock.advance(by: .seconds(10))
            try await test.reopen()
            #expect(try await test.log.recordedChannels() == ["a", "c"])
            #expect(try await test.history("a").positions.recordedSince == since)
            #expect(try await test.append(.recordingStarted("a")).entries == [], "it never stopped")
            #expect(try await test.append(.recordingStarted("b")).entries.count == 1)
        },

        EventLogContract("floors and limits outlive a restart") { engine in
            let test = try await LogUnderTest(engine, .events(10))
            let ids = try await test.append("a", (1...15).map(String.init))
            let told = try await test.replay("a", after: ids[0])
            try await test.reopen()
            #expect(try await test.floor("a") == ids[4])
            #expect(try await test.replay("a", after: ids[0]) == told)
            let batch = try await test.append(.event("a", "16"))
            #expect(batch.evictedThrough == ids[5])
            #expect(try await test.texts("a", after: ids[5]) == (7...16).map(String.init))
        },

        EventLogContract("a log whose events are all gone goes on above them") { engine in
            var retention = Retention.roomy
            retention.maximumAge = .seconds(60)
            let test = try await LogUnderTest(engine, retention)
            try await test.append(.recordingStarted("a"))
            let last = try await test.append("a", ["1", "2"])[1]
            test.clock.advance(by: .seconds(61))
            try await test.log.tick()
            test.clock.stepTimeOfDay(by: .seconds(-61))
            try await test.reopen()
            #expect(try await test.append(.event("a", "3")).last > last)
            #expect(try await test.texts("a") == ["[evicted]", "3"])
        },

        EventLogContract("to close twice is no error") { engine in
            let test = try await LogUnderTest(engine)
            try await test.append("a", ["1"])
            try await test.log.close()
            try await test.log.close()
        },
    ]
}
