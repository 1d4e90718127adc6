import Foundation
import RelayHTTP
import RelayTestSupport
import Testing

@testable import EventRelay

struct FileStampsTests {
    @Test func `a file that is made, replaced or removed, or a link that leads elsewhere, is seen once`() throws {
        let folder = try TemporaryFolder()
        let (file, link) = (folder.file("file"), folder.file("link"))
        var stamps = FileStamps(of: [file, link])
        func change(_ work: () throws -> Void) throws {
            try work()
            let (first, second) = (stamps.haveChanged(), stamps.haveChanged())
            #expect(first && !second)
        }
        // Each is a file of its own that takes the place of the one before.
        for _ in 1...2 { try change { try "the same".write(toFile: file, atomically: true, encoding: .utf8) } }
        try change { try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: file) }
        try change {
            try "other".write(toFile: folder.file("other"), atomically: true, encoding: .utf8)
            try FileManager.default.removeItem(atPath: link)
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: folder.file("other"))
        }
        try change { try FileManager.default.removeItem(atPath: file) }
    }

    /// Whether a new file in the place of each is a reason to read again.
    private func expectWatched(_ reloadable: Reloadable?, _ files: [String]) throws {
        var stamps = try #require(reloadable).stamps
        var seen: [Bool] = []
        for file in files.map({ URL(fileURLWithPath: $0) }) {
            seen.append(stamps.haveChanged())
            try Data(contentsOf: file).write(to: file, options: .atomic)
            seen.append(stamps.haveChanged())
        }
        #expect(seen == files.flatMap { _ in [false, true] })
    }

    @Test func `a certificate is read again when its file or its key's changes after the first look`() async throws {
        let folder = try TemporaryFolder()
        try await TestAuthority().issue("first", in: folder)
        var configuration = RelayConfiguration()
        #expect(try TLS.certificate(configuration).1 == nil)
        configuration.tlsServerCertificateFile = folder.file("first.pem")
        configuration.tlsServerPrivateKeyFile = folder.file("first.key")
        let (certificate, reloadable) = try TLS.certificate(configuration)
        try self.expectWatched(reloadable, [folder.file("first.pem"), folder.file("first.key")])
        #expect(try await reloadable?.reload() == "it expires at \(try #require(certificate).expires)")
    }

    @Test func `keys of tokens are read again when their file has changed, and a secret never`() async throws {
        let signer = try await TestSigner(.es256)
        var configuration = RelayConfiguration()
        configuration.tokenKeyFile = signer.publicKey
        let (_, reloadable) = try await Tokens.verifier(configuration)
        try self.expectWatched(reloadable, [signer.publicKey])
        #expect(try await reloadable?.reload() == "ES256")

        configuration.tokenSecret = String(repeating: "s", count: 32)
        let (secret, none) = try await Tokens.verifier(configuration)
        #expect(secret != nil && none == nil)
    }
}
