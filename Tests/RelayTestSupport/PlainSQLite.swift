import CSQLite

/// A database as somebody's `sqlite3` shell has it open.
package final class PlainSQLite {
    package struct Failure: Error, CustomStringConvertible {
        package let code: Int32
        package let description: String
    }

    private let handle: OpaquePointer

    package init(_ path: String) throws {
        var handle: OpaquePointer?
        let code = sqlite3_open(path, &handle)
        guard code == SQLITE_OK, let handle else { throw Failure(code: code, description: "can't open \(path)") }
        self.handle = handle
        sqlite3_busy_timeout(handle, 10_000)
    }

    deinit {
        sqlite3_close_v2(self.handle)
    }

    package func execute(_ sql: String) throws {
        let code = sqlite3_exec(self.handle, sql, nil, nil, nil)
        if code != SQLITE_OK { throw Failure(code: code, description: String(cString: sqlite3_errmsg(self.handle))) }
    }

    /// The rows as text, NULL as an empty one.
    package func rows(_ sql: String) throws -> [[String]] {
        var rows: [[String]] = []
        try self.eachRow(sql) { rows.append($0) }
        return rows
    }

    package func eachRow(_ sql: String, _ body: ([String]) throws -> Void) throws {
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v2(self.handle, sql, -1, &statement, nil)
        guard code == SQLITE_OK else {
            throw Failure(code: code, description: String(cString: sqlite3_errmsg(self.handle)))
        }
        defer { sqlite3_finalize(statement) }
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW:
                try body(
                    (0..<sqlite3_column_count(statement)).map { column in
                        sqlite3_column_text(statement, column).map { String(cString: $0) } ?? ""
                    }
                )
            case SQLITE_DONE:
                return
            case let code:
                throw Failure(code: code, description: String(cString: sqlite3_errmsg(self.handle)))
            }
        }
    }

    /// The first column of the first row.
    package func text(_ sql: String) throws -> String? {
        try self.rows(sql).first?.first
    }

    package func integer(_ sql: String) throws -> Int64? {
        try self.text(sql).flatMap(Int64.init)
    }
}
