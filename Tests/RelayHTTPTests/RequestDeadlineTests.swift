import NIOCore
import NIOEmbedded
import RelayCore
import RelayHTTP
import RelayTestSupport
import Testing

struct RequestDeadlineTests {
    private let limit = TimeAmount(HTTPTimeouts().request)

    private func receive(_ text: String, _ channel: NIOAsyncTestingChannel) async throws {
        try await channel.writeInbound(ByteBuffer(string: text))
    }

    private func sent(_ channel: NIOAsyncTestingChannel) async throws -> String {
        var text = ""
        while let bytes = try await channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: bytes) }
        return text
    }

    @Test
    func `who says nothing is closed without a word`() async throws {
        let channel = try await TestConnection.make()
        await channel.testingEventLoop.advanceTime(by: self.limit - .seconds(1))
        #expect(channel.isActive)
        await channel.testingEventLoop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
        #expect(try await self.sent(channel).isEmpty)
    }

    @Test(arguments: [
        "GET /health HTTP/1.1\r\nHost: x\r\nA: aaaaaaaaaaaaaaaaaaa",
        "GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\naaaaaaaaaa",
        "GET /listen/x HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n",
    ])
    func `a request that comes byte by byte is answered with 408 when its time is over`(text: String) async throws {
        let channel = try await TestConnection.make()
        let beginning = text.dropLast(9)
        try await self.receive(String(beginning), channel)
        for byte in text.suffix(9) {
            await channel.testingEventLoop.advanceTime(by: .seconds(1))
            try await self.receive(String(byte), channel)
        }
        #expect(channel.isActive)
        await channel.testingEventLoop.advanceTime(by: .seconds(1))
        #expect(try await self.sent(channel).hasPrefix("HTTP/1.1 408 "))
        #expect(!channel.isActive)
    }

    @Test(arguments: [
        // Whose method is not known yet, as its headers aren't there.
        ("POST /history/x HTTP/1.1\r\nHost: ", "GET"),
        ("POST /history/x?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na", "POST"),
    ])
    func `one that is answered with 408 is told as refused and as answered, with its time`(
        text: String,
        method: String
    ) async throws {
        let told = Watched<[HTTPReport]>([])
        let channel = try await TestConnection.make { report in told.change { $0.append(report) } }
        try await self.receive(text, channel)
        await channel.testingEventLoop.advanceTime(by: self.limit)
        #expect(!channel.isActive)
        let reports = told.value
        guard reports.count == 2, case .refused(let problem) = reports[0], case .answered(let exchange) = reports[1]
        else {
            Issue.record("\(reports)")
            return
        }
        #expect(problem.cause == .timeout)
        let request = exchange.request(from: "", end: channel.testingEventLoop.now)
        #expect(request.status == 408 && request.route == .none && request.path == "" && request.method == method)
        #expect(request.bytes > 0 && request.duration == .seconds(10))
    }

    @Test
    func `who says nothing is told of as nothing`() async throws {
        let told = Watched(0)
        let channel = try await TestConnection.make { _ in told.change { $0 += 1 } }
        await channel.testingEventLoop.advanceTime(by: self.limit)
        #expect(!channel.isActive && told.value == 0)
    }

    @Test
    func `the time of a later request begins with its first byte`() async throws {
        let channel = try await TestConnection.make()
        for _ in 0..<3 {
            try await self.receive("GET / HTTP/1.1\r\nHost: x\r\n\r\n", channel)
            let answer = try await channel.waitForOutboundWrite(as: ByteBuffer.self)
            #expect(String(buffer: answer).hasPrefix("HTTP/1.1 204 "))
            _ = try await self.sent(channel)
            await channel.testingEventLoop.advanceTime(by: self.limit * 3)
            #expect(channel.isActive)
            try await self.receive("G", channel)
            await channel.testingEventLoop.advanceTime(by: .seconds(2))
            try await self.receive("ET / HTTP/1.1\r\nHost: x\r\n\r\n", channel)
            _ = try await channel.waitForOutboundWrite(as: ByteBuffer.self)
            _ = try await self.sent(channel)
        }
        try await self.receive("G", channel)
        await channel.testingEventLoop.advanceTime(by: self.limit)
        #expect(!channel.isActive)
    }
}
