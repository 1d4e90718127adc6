import NIOCore
import NIOPosix

/// A reader of server-sent events.
package final class EventStreamTestClient: Sendable {
    package typealias Event = EventStreamParser.Event

    private let channel: any Channel
    private let events: Inbox<Event>
    private let reading: Watched<Reading>

    /// What came beside events.
    package struct Reading: Sendable {
        /// The status line and the headers.
        package fileprivate(set) var head = ""
        package fileprivate(set) var retry: Int?
        package fileprivate(set) var comments: [String] = []
        package fileprivate(set) var hasEnded = false
    }

    private init(channel: any Channel, events: Inbox<Event>, reading: Watched<Reading>) {
        self.channel = channel
        self.events = events
        self.reading = reading
    }

    /// - Parameter headers: lines beside those that every such request has.
    /// - Throws: `UpgradeRefused` with the server's answer, if it isn't 200.
    package static func connect(
        port: Int,
        _ target: String,
        version: String = "1.1",
        headers: [String] = [],
        receiveBuffer: CInt? = nil
    ) async throws -> EventStreamTestClient {
        let events = Inbox<Event>()
        let reading = Watched(Reading())
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let opened = loop.makePromise(of: Void.self)
        var bootstrap = ClientBootstrap(group: loop)
        if let receiveBuffer {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: .init(receiveBuffer))
        }
        bootstrap = bootstrap.channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(
                    Reader(opened: opened, events: events, reading: reading)
                )
            }
        }
        let channel: any Channel
        do {
            channel = try await bootstrap.connect(host: "127.0.0.1", port: port).get(within: .patience)
        } catch {
            opened.fail(error)
            throw error
        }
        let lines = ["GET \(target) HTTP/\(version)", "Host: 127.0.0.1:\(port)", "Accept: text/event-stream"] + headers
        channel.writeAndFlush(ByteBuffer(string: lines.joined(separator: "\r\n") + "\r\n\r\n"), promise: nil)
        do {
            try await opened.futureResult.get(within: .patience)
        } catch {
            channel.close(promise: nil)
            throw error
        }
        return EventStreamTestClient(channel: channel, events: events, reading: reading)
    }

    /// The next event; nil after the end of the stream.
    package func next(within timeout: Duration = .patience) async throws -> Event? {
        try await self.events.next(within: timeout)
    }

    /// What came beside events by now.
    package var soFar: Reading { self.reading.change { $0 } }

    /// What came beside events, once it is like this.
    @discardableResult
    package func when(_ condition: @escaping @Sendable (Reading) -> Bool) async throws -> Reading {
        try await self.reading.when(condition)
    }

    /// Cuts the connection.
    package func cut() async {
        try? await self.channel.close().get(within: .patience)
    }

    /// Stops or goes on reading from the socket.
    package func setReading(_ isReading: Bool) async throws {
        try await self.channel.setOption(.autoRead, value: isReading).get(within: .patience)
        if isReading { self.channel.read() }
    }

    private final class Reader: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let opened: EventLoopPromise<Void>
        private let events: Inbox<Event>
        private let reading: Watched<Reading>
        private var head: ByteBuffer? = ByteBuffer()
        private var parser = EventStreamParser()

        init(opened: EventLoopPromise<Void>, events: Inbox<Event>, reading: Watched<Reading>) {
            self.opened = opened
            self.events = events
            self.reading = reading
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = self.unwrapInboundIn(data)
            if var head = self.head {
                head.writeBuffer(&bytes)
                let view = head.readableBytesView
                guard let end = view.indices.first(where: { view[$0...].starts(with: "\r\n\r\n".utf8) }) else {
                    self.head = head
                    return
                }
                let text = String(buffer: head)
                guard text.split(separator: " ").dropFirst().first == "200" else {
                    self.head = head
                    // The body of a refusal comes along, as far as it is there; the end brings the rest.
                    if text.hasSuffix("}\n") { context.close(promise: nil) }
                    return
                }
                self.head = nil
                self.reading.change { $0.head = String(decoding: view[..<end], as: UTF8.self) }
                head.moveReaderIndex(to: end + 4)
                bytes = head
                self.opened.succeed()
            }
            let events = self.parser.read(Array(bytes.readableBytesView))
            for event in events { self.events.put(event) }
            self.reading.change { [parser = self.parser] in
                $0.retry = parser.retry
                $0.comments = parser.comments
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            self.opened.fail(UpgradeRefused(response: String(buffer: self.head ?? ByteBuffer())))
            self.reading.change { $0.hasEnded = true }
            self.events.finish()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
