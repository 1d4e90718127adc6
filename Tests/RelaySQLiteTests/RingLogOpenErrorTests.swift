import CSQLite
import Testing

@testable import RelaySQLite

struct RingLogOpenErrorTests {
    @Test(
        arguments: [
            (SQLITE_NOTADB, .notADatabase(path: "x.db")),
            (SQLITE_BUSY, .busy(path: "x.db")), (SQLITE_LOCKED, .busy(path: "x.db")),
            (SQLITE_CORRUPT, .damaged(path: "x.db", reason: "why")),
            (SQLITE_CANTOPEN, .notWritable(path: "x.db", reason: "why")),
            (SQLITE_READONLY, .notWritable(path: "x.db", reason: "why")),
            (SQLITE_PERM, .notWritable(path: "x.db", reason: "why")),
            (SQLITE_FULL, .notWritable(path: "x.db", reason: "why")),
            (SQLITE_IOERR, .notWritable(path: "x.db", reason: "why")),
        ] as [(Int32, RingLogOpenError)]
    )
    func `what SQLite answers at opening becomes a case of its own, also with an extended code`(
        code: Int32,
        expected: RingLogOpenError
    ) {
        for extended in [code, code | 3 << 8] {
            let error = SQLiteError(extendedCode: extended, message: "why", work: "open")
            #expect(RingLogOpenError(error, path: "x.db") == expected)
        }
    }

    @Test func `anything else is a damage that tells all that is known`() {
        let error = SQLiteError(extendedCode: SQLITE_ERROR, message: "no such table: meta", work: "SELECT 1")
        guard case .damaged("x.db", let reason) = RingLogOpenError(error, path: "x.db") else {
            Issue.record("not damaged")
            return
        }
        #expect(reason == "SQLite can't do 'SELECT 1': no such table: meta (code 1)")
    }

    @Test(
        arguments: [
            .noFolder(path: "x.db", reason: "why"), .notWritable(path: "x.db", reason: "why"),
            .heldByAnother(path: "x.db"), .busy(path: "x.db"), .notADatabase(path: "x.db"),
            .foreignDatabase(path: "x.db", applicationID: 7), .newerSchema(path: "x.db", version: 9, known: 1),
            .damaged(path: "x.db", reason: "why"),
        ] as [RingLogOpenError]
    )
    func `every sentence names the file`(error: RingLogOpenError) {
        #expect(error.description.contains("'x.db'"))
        #expect(!error.description.contains("\n"))
    }
}
