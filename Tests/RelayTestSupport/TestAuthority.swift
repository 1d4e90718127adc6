import Foundation
package import NIOSSL

/// An authority of a test's own, and certificates by it, made with the openssl program.
package final class TestAuthority: Sendable {
    private let folder: TemporaryFolder

    package init() async throws {
        self.folder = try TemporaryFolder()
        try await Shell.run(
            """
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem \
                -subj '/CN=test authority' -days 2
            """,
            in: self.folder
        )
    }

    /// What a client trusts.
    package var file: String { self.folder.file("ca.pem") }

    /// Makes a certificate and its key, as `NAME.pem` and `NAME.key` in a folder; those that are there are replaced.
    /// - Parameter subject: what `names` are, as openssl writes them.
    package func issue(
        _ name: String,
        names: String = "DNS:localhost,IP:127.0.0.1",
        days: Int = 2,
        in target: TemporaryFolder
    ) async throws {
        try await Shell.run(
            """
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout new.key -out new.csr -subj '/CN=\(name)' &&
            printf 'subjectAltName=\(names)\\n' > new.ext &&
            openssl x509 -req -in new.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days \(days) -extfile new.ext \
                -out new.pem &&
            chmod 644 new.key && mv new.pem \(target.file(name)).pem && mv new.key \(target.file(name)).key
            """,
            in: self.folder
        )
    }

    /// For a client that trusts this authority alone.
    package func clientContext(
        from least: TLSVersion = .tlsv1,
        to greatest: TLSVersion? = nil
    ) throws -> NIOSSLContext {
        var configuration = self.clientConfiguration
        configuration.minimumTLSVersion = least
        configuration.maximumTLSVersion = greatest
        return try NIOSSLContext(configuration: configuration)
    }

    /// The same, as it comes.
    package var clientConfiguration: TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .file(self.file)
        return configuration
    }
}
