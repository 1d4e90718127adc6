import NIOCore
import NIOEmbedded
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
