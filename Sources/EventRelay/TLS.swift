import Logging
import RelayCore
import RelayHTTP

/// HTTPS, as the configuration asks for it.
enum TLS {
    /// - Returns: nil where none is asked for; and how it is read again.
    /// - Throws: `CertificateUnusable`.
    static func certificate(
        _ configuration: RelayConfiguration
    ) throws(CertificateUnusable) -> (ServerCertificate?, Reloadable?) {
        guard configuration.servesHTTPS else { return (nil, nil) }
        let files = ServerCertificate.Files(
            chain: configuration.tlsServerCertificateFile,
            key: configuration.tlsServerPrivateKeyFile
        )
        let stamps = FileStamps(of: files.all)
        let certificate = try ServerCertificate(files)
        let reloadable = Reloadable(name: "certificate", stamps: stamps) {
            try certificate.reload()
            return "it expires at \(certificate.expires)"
        }
        return (certificate, reloadable)
    }

    /// - Parameter now: by the wall clock, which is what clients compare with.
    static func announce(_ certificate: ServerCertificate, at now: Timestamp, _ logger: Logger) {
        logger.info("HTTPS certificate loaded", metadata: ["expires": "\(certificate.expires)"])
        if certificate.expires <= now {
            logger.warning("the HTTPS certificate has expired; clients will refuse it")
        }
    }
}
