import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOWebSocket
import RelayCore
import RelayHTTP
import RelayTestSupport
import Synchronization
import Testing

struct FirstRequestHandlerTests {
    private static let handshake =
        "GET /listen/people HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    private static let upgrade = HTTPDecision.answer(
        .subscription(
            HTTPResponse(status: .switchingProtocols),
            Subscription(ChannelSelection("people"), kind: .raw, resumePoint: nil)
        )
    )
    private static let limit = TimeAmount(HTTPTimeouts().request)

    @Test
    func `a handshake in one piece is answered without HTTP's handlers`() async throws {
        let connection = try await TestConnection.Made(Self.upgrade)
        try await connection.send(Self.handshake)
        #expect(try await connection.sent().hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
        #expect(connection.events == ["respond", "subscriber", "answered 101", "over"])
        try await connection.channel.close().get()
        #expect(connection.events == ["respond", "subscriber", "answered 101", "over"])
    }

    @Test
    func `what comes right behind the handshake reaches the WebSocket`() async throws {
        let connection = try await TestConnection.Made(Self.upgrade)
        let frame = ByteBuffer(bytes: [0x89, 0x81, 0, 0, 0, 0, 0x41, 0x89, 0x80, 0, 0])
        try await connection.send(ByteBuffer(string: Self.handshake).joined(with: frame))
        try await connection.send(ByteBuffer(bytes: [0, 0]))
        let frames = [
            try await connection.channel.readInbound(as: WebSocketFrame.self),
            try await connection.channel.readInbound(as: WebSocketFrame.self),
        ]
        #expect(frames.map(\.?.opcode) == [.ping, .ping])
        #expect(frames.map(\.?.unmaskedData) == [ByteBuffer(string: "A"), ByteBuffer()])
        #expect(try await connection.channel.readInbound(as: WebSocketFrame.self) == nil)
    }

    @Test
    func `a handshake in pieces, and each other request, is HTTP's`() async throws {
        for pieces in [
            [Self.handshake.utf8.prefix(20), Self.handshake.utf8.dropFirst(20)],
            [Self.handshake.utf8.dropLast(1), Self.handshake.utf8.suffix(1)],
            [Self.handshake.replacing("GET ", with: "GET http://x").utf8[...]],
        ] {
            let connection = try await TestConnection.Made(Self.upgrade)
            for piece in pieces { try await connection.send(ByteBuffer(bytes: piece)) }
            #expect(try await connection.sent().hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
            #expect(connection.events == ["HTTP", "respond", "answered 101", "subscriber", "over"])
        }
    }

    @Test
    func `what comes behind a handshake before its turn does not wait any longer`() async throws {
        let connection = try await TestConnection.Made(Self.upgrade)
        try await connection.channel.writeInbound(ByteBuffer(string: Self.handshake))
        #expect(connection.events.isEmpty)
        try await connection.channel.writeInbound(WebSocketTestClient.frame(0x9, []))
        #expect(try await connection.sent().hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
        #expect(connection.events == ["respond", "subscriber", "answered 101", "over"])
    }

    @Test
    func `a request that is no handshake is answered at once, also for who ends its half behind it`() async throws {
        let connection = try await TestConnection.Made(.answer(.response(HTTPResponse(status: .noContent))))
        try await connection.channel.writeInbound(ByteBuffer(string: "GET /ready HTTP/1.1\r\nHost: x\r\n\r\n"))
        // Without a turn.
        #expect(connection.events.prefix(2) == ["HTTP", "respond"])
    }

    @Test
    func `nothing is begun for who is gone before the turn`() async throws {
        let connection = try await TestConnection.Made(Self.upgrade)
        let channel = connection.channel
        // Both before anything else happens on the loop, as the bytes and the end are read together.
        try await channel.testingEventLoop.executeInContext {
            channel.pipeline.syncOperations.fireChannelRead(NIOAny(ByteBuffer(string: Self.handshake)))
            channel.pipeline.syncOperations.fireChannelInactive()
        }
        await channel.testingEventLoop.run()
        #expect(connection.events.isEmpty)
    }

    @Test
    func `what is decided on a handshake is not asked again when it is no upgrade`() async throws {
        let connection = try await TestConnection.Made(.answer(.response(HTTPResponse(status: .forbidden))))
        try await connection.send(Self.handshake)
        #expect(try await connection.sent().hasPrefix("HTTP/1.1 403 Forbidden\r\n"))
        await connection.channel.testingEventLoop.run()
        #expect(connection.events == ["respond", "HTTP", "answered 403", "over"])
    }

    @Test
    func `who says nothing in time is closed, and who speaks late has the rest of the time`() async throws {
        let silent = try await TestConnection.Made(Self.upgrade)
        let late = try await TestConnection.Made(Self.upgrade)
        for connection in [silent, late] {
            await connection.channel.testingEventLoop.advanceTime(by: Self.limit - .seconds(1))
            #expect(connection.channel.isActive)
        }
        try await late.send("GET ")
        for connection in [silent, late] {
            await connection.channel.testingEventLoop.advanceTime(by: .seconds(1))
            #expect(!connection.channel.isActive)
        }
        #expect(try await silent.sent().isEmpty && silent.events == ["over"])
        #expect(try await late.sent().hasPrefix("HTTP/1.1 408 "))
    }

    @Test
    func `of many that wait, each is closed in its time and no other`() async throws {
        let loop = NIOAsyncTestingEventLoop()
        var connections: [TestConnection.Made] = []
        let hub = TestConnection.hub(on: loop)
        for _ in 0..<5 {
            connections.append(try await TestConnection.Made(Self.upgrade, on: loop, hub))
            await loop.advanceTime(by: .seconds(1))
        }
        try await connections[1].send(Self.handshake)
        try await connections[3].channel.close().get()
        await loop.advanceTime(by: Self.limit - .seconds(5))
        #expect(connections.map(\.channel.isActive) == [false, true, true, false, true])
        await loop.advanceTime(by: .seconds(2))
        #expect(connections.map(\.channel.isActive) == [false, true, false, false, true])
        await loop.advanceTime(by: .seconds(60))
        #expect(connections.map(\.channel.isActive) == [false, true, false, false, false])
    }

    @Test
    func `a shutdown closes who has said nothing`() async throws {
        let connection = try await TestConnection.Made(Self.upgrade)
        let channel = connection.channel
        try await channel.testingEventLoop.executeInContext {
            channel.pipeline.syncOperations.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        }
        await channel.testingEventLoop.run()
        #expect(try await connection.sent().isEmpty)
        #expect(!channel.isActive && connection.events == ["over"])
    }
}

extension ByteBuffer {
    fileprivate func joined(with other: ByteBuffer) -> ByteBuffer {
        var joined = self
        joined.writeImmutableBuffer(other)
        return joined
    }
}
