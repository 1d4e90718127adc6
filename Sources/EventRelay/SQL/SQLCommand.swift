import ArgumentParser
import RelayCore

/// SQL for the database side, printed for people to read and to run. No database is touched.
struct SQLCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sql",
        abstract: "Print SQL for the database; nothing is run.",
        subcommands: [SQLTrigger.self, SQLDrop.self]
    )
}

/// Prints what makes a table tell its changes.
struct SQLTrigger: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trigger",
        abstract: "Print SQL that makes a table announce changes of its rows by NOTIFY.",
        discussion: """
            Pipe it into psql, or put it into a migration. Each change is sent as a JSON object; one that is too long \
            for NOTIFY has the key in place of the rows.
            """
    )

    @Argument(
        help: ArgumentHelp(
            "Table or schema.table, quoted as in SQL; the default schema is public.",
            valueName: "table"
        ),
        transform: { try TableName($0) }
    )
    var table: TableName

    @Option(
        help: "Channel to send them on, at most \(ChannelName.maximumBytes) bytes (default: the table's name).",
        transform: { try ChannelName(option: $0) }
    )
    var channel: ChannelName?

    @Option(
        help: ArgumentHelp("Columns to send, separated by commas (default: all).", valueName: "names"),
        transform: { try SQLName.columns($0) }
    )
    var columns: [SQLName]?

    @Option(
        help: ArgumentHelp(
            "Columns of the key (default: those of the primary key, looked up for each message that needs them).",
            valueName: "names"
        ),
        transform: { try SQLName.columns($0) }
    )
    var key: [SQLName]?

    @Option(
        help: ArgumentHelp(
            """
            SQL condition with NEW and OLD, such as "NEW.total > 100". An INSERT has no OLD and a DELETE no NEW: if \
            it names what an operation doesn't have, that operation is always sent.
            """,
            valueName: "expression"
        ),
        transform: { try RowCondition($0) }
    )
    var when: RowCondition?

    @Option(
        help: ArgumentHelp(
            "Operations to send, separated by commas: \(RowTrigger.Operation.names) (default: all).",
            valueName: "operations"
        ),
        transform: { try RowTrigger.Operation.set($0) }
    )
    var on: Set<RowTrigger.Operation>?

    @Flag(help: "Send only the key of what changed, never the rows.")
    var keyOnly = false

    var trigger: RowTrigger {
        get throws {
            RowTrigger(
                table: self.table,
                channel: try self.channel ?? ChannelName(self.table.table.text),
                columns: self.columns ?? [],
                key: self.key ?? [],
                condition: self.when,
                isKeyOnly: self.keyOnly,
                operations: self.on ?? Set(RowTrigger.Operation.allCases)
            )
        }
    }

    func run() throws {
        print(try self.trigger.creation, terminator: "")
    }
}

/// Prints what removes it again.
struct SQLDrop: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drop",
        abstract: "Print SQL that removes what the SQL of 'trigger' created for a table."
    )

    @Argument(
        help: ArgumentHelp("Table or schema.table, as it was given to 'trigger'.", valueName: "table"),
        transform: { try TableName($0) }
    )
    var table: TableName

    func run() {
        print(RowTrigger.removal(of: self.table), terminator: "")
    }
}

extension SQLName {
    /// Names of columns, each once.
    static func columns(_ text: String) throws(InvalidSQLName) -> [SQLName] {
        let names = try SQLName.list(text, separator: ",")
        var seen: Set<SQLName> = []
        for name in names where !seen.insert(name).inserted { throw .twice(name.text) }
        return names
    }
}

extension RowTrigger.Operation {
    static var names: String { Self.allCases.map(\.rawValue).joined(separator: ", ") }

    static func set(_ text: String) throws -> Set<Self> {
        Set(
            try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
                guard let operation = Self(rawValue: word.lowercased().filter { $0 != " " }) else {
                    throw ValidationError("'\(word)' is not one of \(Self.names)")
                }
                return operation
            }
        )
    }
}

extension ChannelName {
    /// Its own errors speak of URLs.
    fileprivate init(option text: String) throws {
        do throws(InvalidChannelName) { try self.init(text) } catch {
            switch error {
            case .empty: throw ValidationError("it is empty")
            case .containsNUL, .tooLong: throw error
            }
        }
    }
}
