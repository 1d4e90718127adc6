/// Something that is read from files, and can be read again while the program runs.
struct Reloadable: Sendable {
    /// What it is, for the log: `certificate`.
    let name: String
    /// When one of them changes, it is read again.
    let files: [String]
    /// Of the files, taken before they were read first.
    let stamps: [FileStamp?]
    /// - Returns: what there is to say of what was read.
    /// - Throws: why it can't be used. What was read before stays then.
    let reload: @Sendable () async throws -> String
}
