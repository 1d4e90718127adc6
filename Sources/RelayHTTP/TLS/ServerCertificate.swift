package import NIOCore
package import NIOSSL
package import RelayCore
import Synchronization

/// The certificate chain and the private key that HTTPS is served with, and what follows from them for a connection.
///
/// They are read again by `reload`: connections that are made afterwards get the new ones, those that are there keep
/// theirs.
package final class ServerCertificate: Sendable {
    /// How long a peer has to answer TLS's goodbye, after that of a WebSocket, before the connection is cut.
    package static let goodbyeTimeout = TimeAmount.seconds(1)
    /// What a connection keeps for what it sends next: two records. The largest burst that it has sent would otherwise
    /// stay in memory, for each client.
    private static let keptBytes = 32 << 10

    private let files: Files
    private let current: Mutex<Loaded>

    private struct Loaded {
        let context: NIOSSLContext
        let expires: Timestamp
    }

    /// What it is read from.
    package struct Files: Sendable {
        /// PEM, the server's own certificate first.
        let chain: String
        /// PEM, without a passphrase.
        let key: String

        package init(chain: String, key: String) {
            self.chain = chain
            self.key = key
        }

        /// When one of these changes, `reload` is due.
        package var all: [String] { [self.chain, self.key] }
    }

    /// - Throws: `CertificateUnusable`, where one of the files can't be used, or they don't belong together.
    package init(_ files: Files) throws(CertificateUnusable) {
        self.files = files
        self.current = Mutex(try Self.load(files))
    }

    /// The first handler of the next connection.
    package func makeHandler() -> NIOSSLServerHandler {
        var configuration = NIOSSLHandler.Configuration()
        configuration.maximumPreservedOutboundBufferCapacity = Self.keptBytes
        return NIOSSLServerHandler(
            context: self.current.withLock { $0.context },
            customVerificationCallback: nil,
            configuration: configuration
        )
    }

    /// When the server's own certificate ends.
    package var expires: Timestamp { self.current.withLock { $0.expires } }

    /// Reads both files again.
    /// - Throws: `CertificateUnusable`; what was there before stays then.
    package func reload() throws(CertificateUnusable) {
        let loaded = try Self.load(self.files)
        self.current.withLock { $0 = loaded }
    }

    private static func load(_ files: Files) throws(CertificateUnusable) -> Loaded {
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMFile(files.chain)
        } catch {
            let reason = CertificateUnusable.Reason.unreadable(error)
            throw CertificateUnusable(setting: "TlsServerCertificateFile", path: files.chain, reason: reason)
        }
        guard let own = chain.first else {
            throw CertificateUnusable(setting: "TlsServerCertificateFile", path: files.chain, reason: .empty)
        }
        let key: NIOSSLPrivateKey
        do {
            // Without the callback the library would ask for a passphrase at the terminal.
            key = try NIOSSLPrivateKey(file: files.key, format: .pem) { (_: NIOSSLPassphraseSetter<[UInt8]>) in
                throw PassphraseNeeded()
            }
        } catch {
            throw CertificateUnusable(setting: "TlsServerPrivateKeyFile", path: files.key, reason: .unreadable(error))
        }
        do {
            let context = try NIOSSLContext(configuration: Self.configuration(chain, key))
            return Loaded(context: context, expires: Timestamp(microseconds: Int64(own.notValidAfter) * 1_000_000))
        } catch {
            throw CertificateUnusable(setting: "TlsServerPrivateKeyFile", path: files.key, reason: .mismatch(error))
        }
    }

    private static func configuration(_ chain: [NIOSSLCertificate], _ key: NIOSSLPrivateKey) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        // RFC 8996.
        configuration.minimumTLSVersion = .tlsv12
        // Of TLS 1.2 those that RFC 9325, section 4.2, recommends: forward secrecy, and nothing in CBC mode.
        configuration.cipherSuites = "ECDHE+AESGCM:ECDHE+CHACHA20"
        configuration.applicationProtocols = ["http/1.1"]
        configuration.shutdownTimeout = Self.goodbyeTimeout
        return configuration
    }

    private struct PassphraseNeeded: Error {}
}

/// HTTPS can't be served with these files.
package struct CertificateUnusable: Error, CustomStringConvertible {
    package enum Reason: Sendable {
        case unreadable(any Error)
        case empty
        case mismatch(any Error)
    }

    package let setting: String
    package let path: String
    package let reason: Reason

    package var description: String {
        let what = "\(self.setting) '\(self.path)' can't be used"
        return switch self.reason {
        case .unreadable(let error):
            "\(what): it must be a readable PEM file, and a key must be without a passphrase (\(error))"
        case .empty:
            "\(what): it contains no certificate. Put the server's own first, then its chain up to the authority"
        case .mismatch(let error):
            "\(what): it does not belong to the first certificate of TlsServerCertificateFile (\(error))"
        }
    }
}
