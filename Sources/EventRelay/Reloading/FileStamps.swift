/// How files were when somebody looked.
struct FileStamps: Sendable {
    private let files: [String]
    private var stamps: [FileStamp?]

    init(of files: [String]) {
        self.files = files
        self.stamps = files.map { FileStamp(path: $0) }
    }

    /// Looks again.
    /// - Returns: whether one of them has changed since the last look.
    mutating func haveChanged() -> Bool {
        let before = self.stamps
        self.stamps = self.files.map { FileStamp(path: $0) }
        return self.stamps != before
    }
}
