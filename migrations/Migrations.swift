/// A step of the log's schema: SQL text that the binary carries in itself.
package struct Migration: Sendable {
    /// `PRAGMA user_version` once the step is applied: 1, 2, 3 … without holes.
    package let version: Int32
    /// The file's name below `migrations/`.
    package let fileName: String
    package let sql: String
}

/// All steps in the order in which they are applied.
///
/// A step that has shipped is never edited; a change of the schema is a new file and a new line here.
/// The list is kept by hand, because the generated names of embedded files lose their first digit
/// (`0001_x.sql` becomes `_001_x_sql`); a test holds it against the folder.
package let migrations: [Migration] = [
    Migration(version: 1, fileName: "0001_ring_log.sql", sql: text(PackageResources._001_ring_log_sql)),
    Migration(
        version: 2,
        fileName: "0002_forgotten_channels.sql",
        sql: text(PackageResources._002_forgotten_channels_sql)
    ),
]

private func text(_ bytes: [UInt8]) -> String {
    String(decoding: bytes, as: UTF8.self)
}
