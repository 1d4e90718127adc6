/// A connection to the log's file and what was made of it, opened anew after the file was put back. Used from one
/// thread.
final class FileBound<Value> {
    private let file: LogFile
    private let open: (_ path: String) throws -> Value
    private var opened: (value: Value, generation: Int)

    init(_ file: LogFile, open: @escaping (_ path: String) throws -> Value) throws {
        self.file = file
        self.open = open
        self.opened = (try open(file.path), file.generation)
    }

    func current() throws -> Value {
        let generation = self.file.generation
        if generation != self.opened.generation { self.opened = (try self.open(self.file.path), generation) }
        return self.opened.value
    }
}
