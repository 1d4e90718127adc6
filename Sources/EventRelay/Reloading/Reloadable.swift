/// Something that is read from files, and can be read again while the program runs.
struct Reloadable: Sendable {
    /// What it is, for the log: `certificate`.
    let name: String
    /// Of its files, taken before they were read first: a change in between is seen too. When one of them changes, it is
    /// read again.
    let stamps: FileStamps
    /// - Returns: what there is to say of what was read.
    /// - Throws: why it can't be used. What was read before stays then.
    let reload: @Sendable () async throws -> String
}
