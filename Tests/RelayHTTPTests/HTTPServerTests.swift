import Glibc
import RelayCore
import RelayHTTP
import RelayTestSupport
import RelayThreads
import Testing

@Suite(.timeLimit(.minutes(1)))
struct HTTPServerTests {
    private func makeServer() -> HTTPServer {
        let clock = ManualClock()
        let log = MemoryEventLog(clock: clock.serverClock)
        let observer = RecordingObserver()
        let fanOut = FanOut(head: log.identity.last, observer: observer)
        let options = HTTPOptions(
            host: "127.0.0.1",
            port: 0,
            urlBase: "",
            basePath: .none,
            corsOrigins: [],
            limits: ClientLimits(clients: 1),
            channelPatterns: ["*"],
            assets: [:],
            hasOwnAssets: false,
            version: "0"
        )
        let relay = Relay(
            log: log,
            source: ScriptedSource(),
            hub: fanOut,
            registry: ChannelRegistry(allowed: [ChannelGlob("*")], maximumChannels: 1, idleAfter: .seconds(1)),
            observer: observer,
            serverClock: clock.serverClock,
            clock: clock,
            executor: ThreadExecutor()
        )
        return HTTPServer(options: options, fanOut: fanOut, relay: relay, log: log, observer: observer)
    }

    /// The socket of this process that listens at a port.
    private func listener(at port: Int) -> Int32? {
        (0..<4096).first { descriptor in
            // A sockaddr_in: family, then port in network order.
            var address = [UInt8](repeating: 0, count: 128)
            var length = socklen_t(address.count)
            let result = address.withUnsafeMutableBytes { bytes in
                getsockname(descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
            }
            var isListening: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &size)
            return result == 0 && isListening == 1 && Int(address[2]) << 8 | Int(address[3]) == port
        }
    }

    @Test
    func `a server whose port fails says so, as one that is drained does`() async throws {
        let failing = self.makeServer()
        let opened = try await failing.start()
        let port = try #require(opened.http)
        let socket = try #require(self.listener(at: port))
        // The next accept is told that the socket does not listen, which no patience mends.
        shutdown(socket, Int32(SHUT_RDWR))
        await failing.untilClosed()
        let drained = self.makeServer()
        _ = try await drained.start()
        async let end: Void = drained.untilClosed()
        await drained.drain()
        await end
    }
}
