import RelayCore
import RelayHTTP
import RelayTestSupport
import Testing

struct HistoryWaitTests {
    private func wait(_ query: String, after: EventID? = 1, before: EventID? = nil) throws -> HistoryWait? {
        let target = try RequestTarget(uri: "/history/a?\(query)")
        return try HistoryWait(target, HistoryQuery(ChannelSelection("a"), after: after, before: before))
    }

    @Test func `it is given in seconds`() throws {
        #expect(try self.wait("")?.duration == nil)
        #expect(try self.wait("wait=1s")?.duration == .seconds(1))
        #expect(try self.wait("wait=60")?.duration == .seconds(60))
    }

    @Test(arguments: ["0s", "61s", "", "s", "1m", "-1", "1.5s", "9007199254740993s", "1s&wait=2s"])
    func `what is no time within the bounds is refused`(text: String) {
        #expect(throws: BadParameter.self) { try self.wait("wait=\(text)") }
    }

    @Test func `it needs an id to wait beyond, and an open end`() {
        #expect(throws: BadParameter.self) { try self.wait("wait=1s", after: nil) }
        #expect(throws: BadParameter.self) { try self.wait("wait=1s", before: 9) }
    }

    @Test func `it ends before the connection counts as idle, and with the token`() throws {
        let wait = try #require(try self.wait("wait=30s"))
        #expect(wait.patience(keepAlive: .seconds(75), token: nil) == .seconds(30))
        #expect(wait.patience(keepAlive: .seconds(10), token: nil) == .seconds(9))
        #expect(wait.patience(keepAlive: .seconds(75), token: .seconds(7)) == .seconds(7))
        #expect(wait.patience(keepAlive: .seconds(75), token: .seconds(-7)) == .zero)
    }
}
