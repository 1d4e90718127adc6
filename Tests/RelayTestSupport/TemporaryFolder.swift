import Foundation

/// A folder of a test's own, removed with this value. Anyone may enter it, as PostgreSQL runs as another user.
package final class TemporaryFolder: Sendable {
    package let path: String

    package init() throws {
        self.path = "/tmp/eventrelay-test-\(UUID().uuidString.prefix(13))"
        try FileManager.default.createDirectory(
            atPath: self.path,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o755]
        )
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }

    package func file(_ name: String) -> String { self.path + "/" + name }
}
