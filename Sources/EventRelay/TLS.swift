import Logging
import RelayCore
import RelayHTTP

/// HTTPS, as the configuration asks for it.
enum TLS {
    /// - Returns: nil where none is asked for.
    /// - Throws: `CertificateUnusable`.
    static func certificate(_ configuration: RelayConfiguration) throws -> ServerCertificate? {
        guard configuration.servesHTTPS else { return nil }
        return try ServerCertificate(
            chainFile: configuration.tlsServerCertificateFile,
            keyFile: configuration.tlsServerPrivateKeyFile
        )
    }

    /// - Parameter now: by the wall clock, which is what clients compare with.
    static func announce(_ certificate: ServerCertificate, at now: Timestamp, _ logger: Logger) {
        logger.info("HTTPS has a certificate", metadata: ["expires": "\(certificate.expires)"])
        if certificate.expires <= now {
            logger.warning("the certificate of HTTPS has expired, clients will refuse it")
        }
    }
}
