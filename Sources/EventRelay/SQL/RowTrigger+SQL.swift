extension RowTrigger {
    /// SQL that makes the function and its triggers, or makes them anew.
    var creation: String {
        let function = Self.function(of: self.table)
        return Self.transaction(
            about: [
                "Sends changes of \(self.table.quoted) by NOTIFY on channel \(SQLText.literal(self.channel.text)).",
                "Made by pg_eventrelay sql trigger for PostgreSQL 14 or newer; it may be run again with other options.",
                "It needs CREATE on the schema, TRIGGER on the table, and for a moment a lock that writers wait for.",
            ],
            hasOnlyASCII: self.hasOnlyASCII,
            self.columnCheck + [
                """
                CREATE OR REPLACE FUNCTION \(function)() RETURNS trigger
                LANGUAGE plpgsql
                -- So that it does the same whatever the writing session has set.
                SET search_path = pg_catalog, pg_temp
                SET TimeZone = 'UTC'
                AS \(SQLText.dollarQuoted(self.body));
                """,
                "COMMENT ON FUNCTION \(function)() IS 'Sends changes of a table by NOTIFY: pg_eventrelay sql trigger';",
            ] + Operation.allCases.map(self.trigger)
        )
    }

    /// SQL that removes all that `creation` makes for the table, whatever its options were.
    static func removal(of table: TableName) -> String {
        Self.transaction(
            about: [
                "Removes what pg_eventrelay sql trigger made for the table \(table.quoted).",
                "Made by pg_eventrelay sql drop; it may be run again.",
            ],
            hasOnlyASCII: table.quoted.utf8.allSatisfy { $0 < 0x80 },
            Operation.allCases.map { Self.removal(of: $0, table) } + [
                "DROP FUNCTION IF EXISTS \(Self.function(of: table))();"
            ]
        )
    }

    private static func transaction(
        about: [String],
        hasOnlyASCII: Bool,
        _ statements: [String]
    ) -> String {
        let settings = """
            BEGIN;
            -- Gives up rather than make others wait behind a long transaction.
            SET LOCAL lock_timeout = '5s';
            """
        let encoding = hasOnlyASCII ? "" : "\nSET LOCAL client_encoding = 'UTF8';"
        let head = about.map(SQLText.comment).joined(separator: "\n") + "\n" + settings + encoding
        return ([head] + statements + ["COMMIT;"]).joined(separator: "\n\n") + "\n"
    }

    private var hasOnlyASCII: Bool {
        let texts = [self.table.quoted, self.channel.text, self.condition?.text ?? ""]
        return (texts + (self.columns + self.key).map(\.text)).allSatisfy { $0.utf8.allSatisfy { $0 < 0x80 } }
    }

    /// The function itself would find out only when it runs.
    private var columnCheck: [String] {
        let columns = (self.columns + self.key).map(\.quoted)
        if columns.isEmpty { return [] }
        return [
            """
            -- Fails if one of these columns does not exist.
            SELECT \(columns.joined(separator: ", ")) FROM \(self.table.quoted) WHERE false;
            """
        ]
    }

    // MARK: - Triggers

    private func trigger(_ operation: Operation) -> String {
        guard self.operations.contains(operation) else { return Self.removal(of: operation, self.table) }
        let unfiltered = self.condition != nil && self.condition(of: operation) == nil
        return [
            unfiltered ? "-- Without the condition: it names a row that \(operation.word) doesn't have." : nil,
            "CREATE OR REPLACE TRIGGER \(Self.trigger(operation)) AFTER \(operation.word) ON \(self.table.quoted)",
            operation == .truncate ? "FOR EACH STATEMENT" : "FOR EACH ROW",
            // The parenthesis in a line of its own: the condition may end with a comment.
            self.condition(of: operation).map { "WHEN (\($0.text)\n)" },
            "EXECUTE FUNCTION \(Self.function(of: self.table))();",
        ].compactMap(\.self).joined(separator: "\n")
    }

    private static func removal(of operation: Operation, _ table: TableName) -> String {
        "DROP TRIGGER IF EXISTS \(Self.trigger(operation)) ON \(table.quoted);"
    }

    // MARK: - The function

    /// Lines of SQL. One may have line breaks within names, which must stay as they are: so lines are indented one by one
    /// and not the text of them.
    private typealias Lines = [String]

    private static func indented(_ lines: Lines) -> Lines { lines.map { "    " + $0 } }

    /// Nothing that goes wrong in making a message may stop the write that it tells of.
    private var body: String {
        let limit = Self.maximumPayloadBytes
        let rows = self.isKeyOnly ? [] : ["old_row json;", "new_row json;"]
        let columns = self.key.isEmpty ? ["key_columns text;"] : []
        let variables = rows + ["old_key json;", "new_key json;"] + columns + ["message text;"]
        let making =
            self.isKeyOnly
            ? self.unlessChangedOrFailed + ["-- The key alone."] + self.inShort
            : self.inFull + [
                "-- NOTIFY takes \(limit) bytes; what is longer is folded to the key.",
                "IF message IS NULL OR octet_length(message) > \(limit) THEN",
            ] + Self.indented(self.inShort) + ["END IF;"]
        let sending =
            ["-- Even a key may be too long.", "IF octet_length(message) > \(limit) THEN"]
            + Self.indented(self.message(["true AS folded", "NULL AS key", "NULL AS old_key"])) + [
                "END IF;", "PERFORM pg_notify(\(SQLText.literal(self.channel.text)), message);", "RETURN NULL;",
            ]
        let lines =
            ["", "DECLARE"] + Self.indented(variables) + ["BEGIN"] + Self.indented(making + sending) + ["END;", ""]
        return lines.joined(separator: "\n")
    }

    /// An UPDATE that leaves what is told as it was is not told.
    private var unlessChanged: Lines {
        let (old, new) = (self.columns.map { "OLD.\($0.quoted)" }, self.columns.map { "NEW.\($0.quoted)" })
        let same =
            self.columns.isEmpty
            ? "OLD *= NEW"
            : "ROW(\(old.joined(separator: ", ")))::record *= ROW(\(new.joined(separator: ", ")))::record"
        return [
            "-- Compares bytes, as json and other types have no equality.",
            "IF TG_OP = 'UPDATE' THEN",
            "    IF \(same) THEN",
            "        RETURN NULL;",
            "    END IF;",
            "END IF;",
        ]
    }

    /// Without a look at the columns, which may be gone, nothing can go wrong.
    private var unlessChangedOrFailed: Lines {
        if self.columns.isEmpty { return self.unlessChanged }
        return Self.guarded(self.unlessChanged, "is sent whatever it changes")
    }

    private var inFull: Lines {
        let rows = self.eachRow("row") { self.row($0, self.columns) }
        return Self.guarded(
            self.unlessChanged + rows + self.message(["old_row AS old", "new_row AS new"]),
            "is sent without its rows"
        )
    }

    private var inShort: Lines {
        Self.guarded(self.keys, "is sent without its key")
            + self.message([
                "true AS folded", "coalesce(new_key, old_key) AS key",
                "CASE WHEN old_key::text <> new_key::text THEN old_key END AS old_key",
            ])
    }

    private var keys: Lines {
        if !self.key.isEmpty { return self.eachRow("key") { self.row($0, self.key) } }
        let lookUp = [
            "SELECT string_agg(format('($1).%1$I AS %1$I', a.attname), ', ' ORDER BY k.place)",
            "INTO key_columns",
            "FROM pg_index AS i",
            "CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)",
            "JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum",
            "WHERE i.indrelid = TG_RELID AND i.indisprimary AND k.place <= i.indnkeyatts;",
        ]
        let query = "'SELECT row_to_json(k.*) FROM (SELECT ' || key_columns || ') AS k'"
        return lookUp + [
            "IF TG_OP IN ('UPDATE', 'DELETE') AND key_columns IS NOT NULL THEN",
            "    EXECUTE \(query) INTO old_key USING OLD;",
            "END IF;",
            "IF TG_OP IN ('INSERT', 'UPDATE') AND key_columns IS NOT NULL THEN",
            "    EXECUTE \(query) INTO new_key USING NEW;",
            "END IF;",
        ]
    }

    private func eachRow(_ variable: String, _ value: (String) -> String) -> Lines {
        [
            "IF TG_OP IN ('UPDATE', 'DELETE') THEN",
            "    old_\(variable) := \(value("OLD"));",
            "END IF;",
            "IF TG_OP IN ('INSERT', 'UPDATE') THEN",
            "    new_\(variable) := \(value("NEW"));",
            "END IF;",
        ]
    }

    /// A row, or some of its columns, as JSON.
    private func row(_ row: String, _ columns: [SQLName]) -> String {
        if columns.isEmpty { return "row_to_json(\(row))" }
        let values = columns.map { "\(row).\($0.quoted) AS \($0.quoted)" }.joined(separator: ", ")
        return "(SELECT row_to_json(r.*) FROM (SELECT \(values)) AS r)"
    }

    /// As the relay writes times. It also keeps a transaction's changes apart that are otherwise equal, of which PostgreSQL
    /// would deliver one: after A, B and A again, B would seem to be the last.
    private static let time = #"to_char(clock_timestamp(), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#

    private func message(_ fields: [String]) -> Lines {
        let (schema, table) = (SQLText.literal(self.table.schema.text), SQLText.literal(self.table.table.text))
        let names = ["TG_OP AS operation", "\(schema) AS schema", "\(table) AS \"table\"", "\(Self.time) AS at"]
        let all = names + fields
        return ["message := (SELECT row_to_json(m.*) FROM (", "    SELECT"]
            + all.dropLast().map { "        \($0)," } + all.suffix(1).map { "        \($0)" } + [") AS m);"]
    }

    /// What fails in it is a warning, and this its consequence.
    private static func guarded(_ lines: Lines, _ consequence: String) -> Lines {
        ["BEGIN"] + Self.indented(lines) + [
            "EXCEPTION WHEN OTHERS THEN",
            "    RAISE WARNING 'a change of % \(consequence): %', TG_RELID::regclass, SQLERRM;",
            "END;",
        ]
    }
}

extension RowTrigger.Operation {
    fileprivate var word: String { self.rawValue.uppercased() }
}
