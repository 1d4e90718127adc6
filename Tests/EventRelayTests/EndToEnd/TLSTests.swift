import Foundation
import NIOCore
import NIOSSL
import RelayTestSupport
import Testing

/// HTTPS and secure WebSockets, by certificates that the tests make.
@Suite(.timeLimit(.minutes(2)))
struct TLSTests {
    /// A relay with a certificate.
    private struct SecureWorld {
        let folder: TemporaryFolder
        let authority: TestAuthority
        let database: String
        let sql: SQLSession
        let relay: RelayProcess
        let port: Int

        init(environment: [String: String] = [:], serves: String = "] serving") async throws {
            self.folder = try TemporaryFolder()
            self.authority = try await TestAuthority()
            try await self.authority.issue("first", in: self.folder)
            try TLSTests.replace("current", by: "first", in: self.folder)
            self.database = try await EphemeralPostgres.shared.get().makeDatabase()
            self.sql = try SQLSession(self.database)
            let tls = [
                "ES_HTTPSPORT": "0", "ES_TLSSERVERCERTIFICATEFILE": self.folder.file("current.pem"),
                "ES_TLSSERVERPRIVATEKEYFILE": self.folder.file("current.key"),
            ]
            self.relay = try await RelayProcess.start(
                database: self.database,
                folder: self.folder.path,
                environment: tls.merging(environment) { $1 },
                serves: serves
            )
            self.port =
                serves == "] serving"
                ? RelayProcess.port(in: try await self.relay.waitForLog("HTTPS is served")) : self.relay.port
            try await self.relay.waitForLog("listening to PostgreSQL")
        }

        func connect(_ target: String, receiveBuffer: CInt? = nil) async throws -> WebSocketTestClient {
            let context = try self.authority.clientContext()
            return try await .connect(port: self.port, target, receiveBuffer: receiveBuffer, tls: context)
        }

        /// What curl answers, which checks the certificate and the name.
        func curl(_ target: String, _ options: String = "") async throws -> [String] {
            let address = "https://localhost:\(self.port)\(target)"
            let tls = "--cacert \(self.authority.file) --resolve localhost:\(self.port):127.0.0.1"
            return try await Shell.run("curl -sS --http1.1 \(tls) \(options) '\(address)'", in: self.folder)
        }

        /// The subject of the certificate that a new connection gets.
        func subject() async throws -> String {
            let output = try await Shell.run(
                "openssl s_client -connect 127.0.0.1:\(self.port) < /dev/null 2> /dev/null | openssl x509 -noout -subject",
                in: self.folder
            )
            return output.joined()
        }
    }

    /// By renaming links, as those that renew certificates do.
    private static func replace(_ name: String, by other: String, in folder: TemporaryFolder) throws {
        for suffix in ["pem", "key"] {
            let (link, next) = (folder.file("\(name).\(suffix)"), folder.file("next.\(suffix)"))
            try FileManager.default.createSymbolicLink(
                atPath: next,
                withDestinationPath: folder.file("\(other).\(suffix)")
            )
            #expect(rename(next, link) == 0)
        }
    }

    @Test
    func `events, resume, history and the viewer work over TLS, beside plain HTTP`() async throws {
        let world = try await SecureWorld()
        let secure = try await world.connect("/listen/people?last-seen-id=latest")
        let plain = try await WebSocketTestClient.connect(port: world.relay.port, "/listen/people")
        _ = try await secure.envelope()
        try await world.sql.notify("people", "one")
        let first = try await secure.envelope()
        #expect(first.payload == "one")
        #expect(try await plain.text() == "one")
        await secure.cut()
        try await world.sql.notify("people", "two")
        #expect(try await plain.text() == "two")
        let back = try await world.connect("/listen/people?last-seen-id=\(first.id)")
        #expect(try await back.envelope().payload == "two")
        #expect(try await back.envelope().type == "live")

        #expect(try await world.curl("/history/people?limit=1").joined().contains(#""payload":"two""#))
        let page = try await world.curl("/").joined()
        #expect(page.contains("wss://localhost:\(world.port)"))
        let plainPage = try await HTTPTestClient.get("/", port: world.relay.port)
        #expect(plainPage.body.contains("ws://127.0.0.1:\(world.relay.port)"))
        #expect(try await world.relay.stop() == 0)
        #expect(try await back.next() == .close(code: 1001, reason: "shutting down, come back"))
    }

    @Test
    func `TLS below 1.2 is refused, 1.2 and 1.3 are spoken, with modern ciphers`() async throws {
        let world = try await SecureWorld()
        for version in [TLSVersion.tlsv12, .tlsv13] {
            let context = try world.authority.clientContext(from: version, to: version)
            let client = try await WebSocketTestClient.connect(port: world.port, "/listen/people", tls: context)
            await client.cut()
        }
        for version in [TLSVersion.tlsv1, .tlsv11] {
            let context = try world.authority.clientContext(from: version, to: version)
            await #expect(throws: (any Error).self) {
                try await WebSocketTestClient.connect(port: world.port, "/listen/people", tls: context)
            }
        }
        let handshake = "openssl s_client -connect 127.0.0.1:\(world.port) -tls1_2 < /dev/null"
        for cipher in ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"] {
            try await Shell.run("\(handshake) -cipher \(cipher)", in: world.folder)
        }
        let refused = #"pg_eventrelay_requests_refused_total{cause="handshake"} 2"#
        #expect(try await world.curl("/metrics").contains(refused))
        await #expect(throws: CommandFailed.self) {
            try await Shell.run("\(handshake) -cipher ECDHE-ECDSA-AES256-SHA", in: world.folder)
        }
    }

    @Test
    func `another's authority and another name are no match for a client that looks`() async throws {
        let world = try await SecureWorld()
        let other = try await TestAuthority().clientContext()
        await #expect(throws: (any Error).self) {
            try await WebSocketTestClient.connect(port: world.port, "/listen/people", tls: other)
        }
    }

    @Test
    func `a renewed certificate is served after SIGHUP, and clients that are there stay`() async throws {
        let world = try await SecureWorld()
        let client = try await world.connect("/listen/people")
        #expect(try await world.subject().contains("first"))
        try await world.authority.issue("second", in: world.folder)
        try Self.replace("current", by: "second", in: world.folder)
        world.relay.signal(SIGHUP)
        try await world.relay.waitForLog("now=it expires")
        #expect(try await world.subject().contains("second"))
        try await world.sql.notify("people", "still here")
        #expect(try await client.text() == "still here")
    }

    @Test
    func `a renewed certificate is served without a signal, too`() async throws {
        let world = try await SecureWorld()
        try await world.authority.issue("second", in: world.folder)
        try Self.replace("current", by: "second", in: world.folder)
        // The certificate may have been seen without its key.
        while !(try await world.relay.waitForLog("what=certificate").contains("now=")) {}
        #expect(try await world.subject().contains("second"))
    }

    @Test
    func `a new certificate that can't be used leaves the old one in use, and the log says why`() async throws {
        let world = try await SecureWorld()
        try await world.authority.issue("second", in: world.folder)
        try FileManager.default.removeItem(atPath: world.folder.file("second.key"))
        try FileManager.default.copyItem(
            atPath: world.folder.file("first.key"),
            toPath: world.folder.file("second.key")
        )
        try Self.replace("current", by: "second", in: world.folder)
        world.relay.signal(SIGHUP)
        let line = try await world.relay.waitForLog("reload failed")
        #expect(line.contains("TlsServerPrivateKeyFile") && line.contains("does not belong"))
        #expect(try await world.subject().contains("first"))
        #expect(try await world.curl("/health", "-o /dev/null -w '%{http_code}'") == ["200"])
    }

    @Test
    func `with plain HTTP off only HTTPS is served`() async throws {
        let world = try await SecureWorld(environment: ["ES_HTTPPORT": "off"], serves: "HTTPS is served")
        #expect(try await world.curl("/health").joined().contains(#""status":"ok""#))
        #expect(!world.relay.log().contains { $0.hasSuffix("] serving") })
        #expect(try await world.relay.stop() == 0)
    }

    @Test
    func `who does not finish the handshake is cut, and who speaks no TLS`() async throws {
        let world = try await SecureWorld(environment: ["ES_REQUESTTIMEOUT": "1s"])
        let silent = try await RawTestClient.connect(port: world.port)
        let halfway = try await RawTestClient.connect(port: world.port)
        // The head of a record that never comes.
        try await halfway.send(ByteBuffer(bytes: [0x16, 0x03, 0x01, 0x02, 0x00, 0x01]))
        let plain = try await RawTestClient.connect(port: world.port)
        try await plain.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        for client in [silent, halfway, plain] { _ = try await client.whenEnded() }
        #expect(try await world.curl("/health", "-o /dev/null -w '%{http_code}'") == ["200"])
    }

    @Test
    func `a slow client over TLS gets everything`() async throws {
        let world = try await SecureWorld()
        let slow = try await world.connect("/listen/people?last-seen-id=latest", receiveBuffer: 4096)
        _ = try await slow.envelope()
        try await slow.setReading(false)
        let count = 4_000
        try await world.sql.run(
            "SELECT pg_notify('people', n || repeat('x', 1000)) FROM generate_series(1, \(count)) n"
        )
        // More than all buffers between here and there hold.
        let quick = try await world.connect("/listen/people?last-seen-id=0")
        for _ in 0..<count { _ = try await quick.envelope() }
        try await slow.setReading(true)
        for number in 1...count {
            let envelope = try await slow.envelope()
            #expect(envelope.payload?.hasPrefix("\(number)x") == true)
        }
    }

    @Test
    func `a page of history that leaves slowly is not taken for idle`() async throws {
        let world = try await SecureWorld(environment: ["ES_KEEPALIVETIMEOUT": "10s"])
        let client = try await world.connect("/listen/people?last-seen-id=latest")
        _ = try await client.envelope()
        // Each byte is six in JSON.
        try await world.sql.run("SELECT pg_notify('people', n || repeat(chr(1), 7000)) FROM generate_series(1, 50) n")
        for _ in 0..<50 { _ = try await client.envelope() }
        // 1.5 MB within some 14 s: longer than the timeout, in steps that are shorter.
        let slowly = "--limit-rate 110k -o /dev/null -w '%{size_download}'"
        let size = try await world.curl("/history/people?limit=50", slowly)
        #expect(Int(size.joined()) ?? 0 > 1_400_000)
    }

    @Test(
        arguments: [
            (["ES_TLSSERVERCERTIFICATEFILE": "first.pem"], "needs TlsServerPrivateKeyFile"),
            (["ES_TLSSERVERPRIVATEKEYFILE": "first.key"], "needs TlsServerCertificateFile"),
            (["ES_HTTPPORT": "off"], "leaves nothing to serve"),
            (
                ["ES_TLSSERVERCERTIFICATEFILE": "missing.pem", "ES_TLSSERVERPRIVATEKEYFILE": "first.key"],
                "TlsServerCertificateFile 'missing.pem' can't be used"
            ),
            (
                ["ES_TLSSERVERCERTIFICATEFILE": "first.key", "ES_TLSSERVERPRIVATEKEYFILE": "first.key"],
                "TlsServerCertificateFile 'first.key' can't be used"
            ),
            (
                ["ES_TLSSERVERCERTIFICATEFILE": "first.pem", "ES_TLSSERVERPRIVATEKEYFILE": "second.key"],
                "does not belong"
            ),
            (
                ["ES_TLSSERVERCERTIFICATEFILE": "first.pem", "ES_TLSSERVERPRIVATEKEYFILE": "locked.key"],
                "without a passphrase"
            ),
        ]
    )
    func `files that can't be used end the start with 78, before a port is opened`(
        environment: [String: String],
        words: String
    ) async throws {
        let folder = try TemporaryFolder()
        let authority = try await TestAuthority()
        try await authority.issue("first", in: folder)
        try await authority.issue("second", in: folder)
        try await Shell.run("openssl ec -in first.key -aes256 -passout pass:secret -out locked.key", in: folder)
        let relay = try RelayProcess(environment: environment, folder: folder.path)
        try await relay.waitForLog(words)
        #expect(try await relay.exitStatus() == 78)
        #expect(!FileManager.default.fileExists(atPath: folder.file("pg_eventrelay.db")))
    }
}
