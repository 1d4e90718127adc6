package import RelayCore
import RelayThreads
import Synchronization

/// The event log in one SQLite file, bounded by count, bytes and age.
///
/// Three connections, each on a thread of its own: the writer appends and evicts, the reader serves replay and history
/// from snapshots, the one in the background moves the write-ahead log into the file so that the writer hardly ever waits
/// for the disk (p99.9 of an append 19 → 3.7 ms), and counts.
package final class RingLog: EventLog {
    package let identity: LogIdentity

    private let file: LogFile
    private let writer: ThreadOwned<RingLogWriter>
    private let reader: ThreadOwned<FileBound<RingLogReader>>
    private let background: ThreadOwned<FileBound<RingLogCheckpointer>>
    private let checkpoints: Task<Void, Never>
    /// As of the last tick, so that nobody who asks waits for a disk that is slow.
    private let lastFigures: Mutex<LogFigures>

    /// Between two checkpoints: short enough that each is small.
    private static let checkpointInterval = Duration.milliseconds(100)

    /// Opens the log at `path`, or makes it where there is none (an empty file counts as none).
    /// - Throws: `RingLogOpenError`, whose description says what to do. Nothing was changed then.
    package static func open(path: String, retention: Retention, clock: ServerClock) throws -> RingLog {
        let file = try LogFile(path: path)
        do {
            let writer = try RingLogWriter(file, retention: retention, clock: clock)
            return RingLog(
                file: file,
                identity: writer.identity,
                figures: writer.figures(after: LogFigures()),
                writer: ThreadOwned(writer),
                reader: ThreadOwned(try FileBound(file) { try RingLogReader(path: $0) }),
                background: ThreadOwned(try FileBound(file) { try RingLogCheckpointer(path: $0, clock: clock) })
            )
        } catch let error as SQLiteError {
            throw RingLogOpenError(error, path: file.path)
        } catch let error as MarkNotKept {
            throw RingLogOpenError.notWritable(path: file.path, reason: "\(error)")
        }
    }

    private init(
        file: LogFile,
        identity: LogIdentity,
        figures: LogFigures,
        writer: ThreadOwned<RingLogWriter>,
        reader: ThreadOwned<FileBound<RingLogReader>>,
        background: ThreadOwned<FileBound<RingLogCheckpointer>>
    ) {
        self.file = file
        self.identity = identity
        self.lastFigures = Mutex(figures)
        self.writer = writer
        self.reader = reader
        self.background = background
        // Free of any scope: it lives as long as the log is open, and `close` ends it and waits for it.
        self.checkpoints = Task {
            while !Task.isCancelled {
                // A failure is not lost: the writer meets the same one.
                try? await background.perform { try $0.current().checkpoint() }
                try? await Task.sleep(for: Self.checkpointInterval)
            }
        }
    }

    deinit {
        self.checkpoints.cancel()
        self.file.unlock()
    }

    /// Where appends run; who runs there too appends without a change of thread.
    package var writerExecutor: any SerialExecutor & TaskExecutor { self.writer.executor }

    package var figures: LogFigures { self.lastFigures.withLock { $0 } }

    package func append(_ writes: [LogWrite], expecting last: EventID) async throws -> AppendOutcome {
        try await self.writer.perform { try $0.append(writes, expecting: last) }
    }

    package func setAside(_ writes: [LogWrite], expecting last: EventID) async throws -> AppendOutcome {
        try await self.writer.perform { try $0.setAside(writes, expecting: last) }
    }

    package func read(
        _ selection: ChannelSelection,
        after: EventID,
        through: EventID,
        limit: Int
    ) async throws -> LogPage {
        try await self.reader.perform {
            try $0.current().read(selection, after: after, through: through, limit: limit)
        }
    }

    package func history(_ query: HistoryQuery) async throws -> HistoryPage {
        try await self.reader.perform { try $0.current().history(query) }
    }

    package func tick() async throws -> LogRepair? {
        let earlier = self.figures
        // Also when the tick fails: then they are of interest.
        let (result, figures) = try await self.writer.perform { writer in
            (Result { try writer.tick() }, writer.figures(after: earlier))
        }
        self.lastFigures.withLock { $0 = figures }
        let repair = try result.get()
        if repair == .putBack {
            // Not only when they are used next: they hold the space of the file that was deleted.
            try await self.reader.perform { _ = try $0.current() }
            try await self.background.perform { _ = try $0.current() }
        }
        return repair
    }

    package func recordedChannels() async throws -> [ChannelName] {
        try await self.writer.perform { $0.recordedChannels }
    }

    package func census() async throws -> ChannelCensus {
        try await self.background.perform { try $0.current().takeCensus() }
    }

    /// Leaves one file, without write-ahead log, that anyone may read. Later calls of other methods throw `Released`.
    package func close() async throws {
        self.checkpoints.cancel()
        await self.checkpoints.value
        try await self.background.release()
        try await self.reader.release()
        try await self.writer.release { try $0.finish() }
    }
}
