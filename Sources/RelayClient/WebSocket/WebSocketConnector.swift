package import NIOCore
import NIOHTTP1
import NIOPosix
package import NIOSSL
import NIOWebSocket

/// Opens WebSockets to a relay.
package struct WebSocketConnector: Connector {
    /// For a TCP connection.
    private static let connectTimeout = TimeAmount.seconds(10)
    /// From there to the answer, TLS included: the relay takes up to 5 s to listen to a channel that is new to it. And for
    /// the token that goes before it.
    package static let handshakeTimeout = TimeAmount.seconds(20)

    private let address: RelayAddress
    private let tls: NIOSSLContext?
    private let token: (@Sendable () async throws -> String)?
    private let handshakeTimeout: TimeAmount

    /// - Parameters:
    ///   - tls: for an address that is secure; others don't look at it.
    ///   - token: asked for each connection.
    package init(
        _ address: RelayAddress,
        tls: TLSConfiguration = .makeClientConfiguration(),
        token: (@Sendable () async throws -> String)?,
        handshakeTimeout: TimeAmount = Self.handshakeTimeout
    ) throws {
        self.address = address
        self.handshakeTimeout = handshakeTimeout
        self.tls = address.isSecure ? try NIOSSLContext(configuration: tls) : nil
        self.token = token
    }

    private enum Handshake {
        /// What it will have ended for.
        case open(EventLoopFuture<Loss>)
        case refused(EventLoopFuture<HandshakeRefusal>)
    }

    package func follow(_ attempt: ConnectionStateMachine.Attempt, for owner: some SocketOwner) async throws -> Loss {
        let head = try await self.request(attempt)
        // It may have been closed while the token was waited for.
        guard owner.isWanted(attempt.number) else { throw Loss.asked }
        // Several may be tried, one for each of the host's addresses.
        let (channel, handshake) = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(Self.connectTimeout)
            .connect(host: self.address.host, port: self.address.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    (channel, try self.prepare(channel, head, attempt.number, owner))
                }
            }
        if !owner.connecting(channel, attempt: attempt.number) { channel.close(promise: nil) }
        switch try await handshake.get() {
        case .open(let ended): return try await ended.get()
        case .refused(let refusal): return .refused(try await refusal.get())
        }
    }

    private func request(_ attempt: ConnectionStateMachine.Attempt) async throws -> HTTPRequestHead {
        var headers: HTTPHeaders = ["Host": self.address.authority]
        if let token = try await self.askForToken() {
            // Another one would never leave, or be two lines.
            guard !token.isEmpty, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw InvalidArgument("a token consists of visible ASCII characters")
            }
            headers.add(name: "Authorization", value: "Bearer \(token)")
        }
        let target = self.address.listenTarget(attempt.channels, from: attempt.cursor)
        return HTTPRequestHead(version: .http1_1, method: .GET, uri: target, headers: headers)
    }

    private func askForToken() async throws -> String? {
        guard let token else { return nil }
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        // The first answer counts.
        let answer = loop.makePromise(of: String.self)
        // A task of its own, as it may hear of no cancellation, and would be waited for in a group.
        let asking = Task {
            do {
                answer.succeed(try await token())
            } catch {
                answer.fail(error)
            }
        }
        let alarm = loop.scheduleTask(in: self.handshakeTimeout) { answer.fail(NoToken(after: self.handshakeTimeout)) }
        defer {
            alarm.cancel()
            asking.cancel()
        }
        return try await withTaskCancellationHandler {
            try await answer.futureResult.get()
        } onCancel: {
            answer.fail(CancellationError())
        }
    }

    private func prepare(
        _ channel: any Channel,
        _ head: HTTPRequestHead,
        _ attempt: Int,
        _ owner: some SocketOwner
    ) throws -> EventLoopFuture<Handshake> {
        let pipeline = channel.pipeline.syncOperations
        if let tls {
            // Addresses have no place in the hello; the certificate is held against them all the same.
            let isAddress = (try? SocketAddress(ipAddress: self.address.host, port: 0)) != nil
            let name = isAddress ? nil : self.address.host
            try pipeline.addHandler(try NIOSSLClientHandler(context: tls, serverHostname: name))
        }
        let upgrader = NIOTypedWebSocketClientUpgrader<Handshake>(
            maxFrameSize: ServerFrameStateMachine.maximumMessageBytes,
            enableAutomaticErrorHandling: false
        ) { channel, _ in
            channel.eventLoop.makeCompletedFuture {
                let ended = channel.eventLoop.makePromise(of: Loss.self)
                let handler = SocketHandler(for: owner, attempt: attempt, ended: ended, at: channel.eventLoop.now)
                do {
                    try channel.pipeline.syncOperations.addHandler(handler)
                } catch {
                    ended.fail(error)
                }
                return .open(ended.futureResult)
            }
        }
        let configuration = NIOTypedHTTPClientUpgradeConfiguration<Handshake>(
            upgradeRequestHead: head,
            upgraders: [upgrader]
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                let refused = channel.eventLoop.makePromise(of: HandshakeRefusal.self)
                do {
                    try channel.pipeline.syncOperations.addHandler(RefusalHandler(refused))
                } catch {
                    refused.fail(error)
                }
                return .refused(refused.futureResult)
            }
        }
        var http = NIOUpgradableHTTPClientPipelineConfiguration(upgradeConfiguration: configuration)
        // The first messages may come together with the answer.
        http.leftOverBytesStrategy = .forwardBytes
        let handshake = try pipeline.configureUpgradableHTTPClientPipeline(configuration: http)
        let alarm = channel.eventLoop.scheduleTask(in: self.handshakeTimeout) { channel.close(promise: nil) }
        handshake.whenComplete { result in
            switch result {
            case .success(.open): alarm.cancel()
            case .success(.refused): break  // It has still to arrive in full.
            case .failure: channel.close(promise: nil)
            }
        }
        channel.closeFuture.whenComplete { _ in alarm.cancel() }
        return handshake
    }
}

/// Who was asked for a token gave none.
private struct NoToken: Error, CustomStringConvertible {
    let after: TimeAmount

    var description: String { "there was no token after \(self.after.nanoseconds / 1_000_000) ms" }
}
