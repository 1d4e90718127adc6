import RelayClient
import Testing

struct ChannelRequestsTests {
    private typealias Request = ChannelRequests.Request

    @Test
    func `one at a time is sent, in order, and changes the channels when it is answered`() throws {
        var requests = try ChannelRequests(["a"])
        let first = Request(number: 1, kind: .subscribe, channels: ["b", "a"])
        let second = Request(number: 2, kind: .unsubscribe, channels: ["a"])
        try requests.add(first)
        try requests.add(second)
        #expect(requests.next() == .send(first))
        #expect(requests.next() == nil)
        #expect(requests.channels == ["a"])
        #expect(try requests.answered(.subscribed) == 1)
        #expect(requests.channels == ["a", "b"])
        #expect(requests.next() == .send(second))
        #expect(try requests.answered(.unsubscribed) == 2)
        #expect(requests.channels == ["b"] && !requests.isWaiting)
    }

    @Test
    func `what was sent on a connection that was lost is sent on the next`() throws {
        var requests = try ChannelRequests(["a"])
        let request = Request(number: 1, kind: .subscribe, channels: ["b"])
        try requests.add(request)
        #expect(requests.next() == .send(request))
        requests.connectionLost()
        #expect(throws: Loss.self) { try requests.answered(.subscribed) }
        #expect(requests.channels == ["a"])
        #expect(requests.next() == .send(request))
    }

    @Test
    func `a refusal concerns one request`() throws {
        var requests = try ChannelRequests(["a"])
        try requests.add(Request(number: 1, kind: .subscribe, channels: ["secret"]))
        _ = requests.next()
        #expect(try requests.answered(.refused(Refused(status: 403, detail: ""))) == 1)
        #expect(requests.channels == ["a"] && !requests.isWaiting)
    }

    @Test
    func `an answer that nobody waits for, or to another request, is none`() throws {
        var requests = try ChannelRequests(["a"])
        #expect(throws: Loss.self) { try requests.answered(.subscribed) }
        try requests.add(Request(number: 1, kind: .subscribe, channels: ["b"]))
        #expect(throws: Loss.self) { try requests.answered(.subscribed) }
        _ = requests.next()
        #expect(throws: Loss.self) { try requests.answered(.unsubscribed) }
    }

    @Test
    func `the last channel stays`() throws {
        var requests = try ChannelRequests(["a", "b"])
        for (number, channel) in [(1, "a"), (2, "b")] {
            try requests.add(Request(number: number, kind: .unsubscribe, channels: [channel]))
        }
        _ = requests.next()
        _ = try requests.answered(.unsubscribed)
        #expect(requests.next() == .reject(number: 2))
        #expect(requests.channels == ["b"] && !requests.isWaiting)
    }

    @Test
    func `names are the same by their bytes`() throws {
        var requests = try ChannelRequests(["\u{e9}"])
        try requests.add(Request(number: 1, kind: .subscribe, channels: ["e\u{301}"]))
        _ = requests.next()
        _ = try requests.answered(.subscribed)
        #expect(requests.channels.count == 2)
        try requests.add(Request(number: 2, kind: .unsubscribe, channels: ["e\u{301}"]))
        _ = requests.next()
        _ = try requests.answered(.unsubscribed)
        #expect(requests.channels.map { Array($0.utf8) } == [[0xC3, 0xA9]])
    }

    @Test
    func `what the relay would pass over is not sent`() throws {
        let many = (0...100).map(String.init)
        for channels in [[], [""], [String(repeating: "x", count: 64)], many] {
            #expect(throws: InvalidArgument.self) { try ChannelRequests(channels) }
        }
        var requests = try ChannelRequests([String(repeating: "x", count: 63)])
        #expect(throws: InvalidArgument.self) {
            try requests.add(Request(number: 1, kind: .subscribe, channels: many))
        }
        for number in 0..<ChannelRequests.maximumWaiting {
            try requests.add(Request(number: number, kind: .subscribe, channels: ["b"]))
        }
        #expect(throws: InvalidArgument.self) {
            try requests.add(Request(number: 1000, kind: .subscribe, channels: ["b"]))
        }
    }

    @Test
    func `channels that would make a URL too long are not taken, with those that wait counted`() throws {
        let room = 3 * RelayAddress.bytes(of: "ä%1")
        #expect(throws: InvalidArgument.self) { try ChannelRequests(["ä%1", "ä%2", "ä%3", "ä"], room: room) }
        var requests = try ChannelRequests(["ä%1"], room: room)
        try requests.add(Request(number: 1, kind: .subscribe, channels: ["ä%2", "ä%1"]))
        try requests.add(Request(number: 2, kind: .subscribe, channels: ["ä%3"]))
        #expect(throws: InvalidArgument.self) {
            try requests.add(Request(number: 3, kind: .subscribe, channels: ["b"]))
        }
        // It makes room.
        try requests.add(Request(number: 4, kind: .unsubscribe, channels: ["ä%1", "no channel of this connection"]))
    }

    @Test
    func `a request is JSON`() {
        let names = ["a", "\"\\\u{1}\u{1f}/ä😀"]
        #expect(
            Request(number: 1, kind: .subscribe, channels: names).text
                == #"{"subscribe":["a","\"\\\u0001\u001f/ä😀"]}"#
        )
        #expect(Request(number: 1, kind: .unsubscribe, channels: ["a"]).text == #"{"unsubscribe":["a"]}"#)
    }
}
