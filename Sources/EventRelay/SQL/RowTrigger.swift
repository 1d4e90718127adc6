import RelayCore

/// How the changes of one table are told by NOTIFY.
struct RowTrigger {
    var table: TableName
    var channel: ChannelName
    /// What is told of a row; all of it if empty.
    var columns: [SQLName] = []
    /// What a row is found again by; the primary key if empty.
    var key: [SQLName] = []
    /// Which changes are told; all if nil.
    var condition: RowCondition?
    /// Tells keys and never rows.
    var isKeyOnly = false
    var operations = Set(Operation.allCases)

    enum Operation: String, CaseIterable {
        case insert, update, delete, truncate
    }

    /// PostgreSQL refuses longer payloads, and with them the statement that sent them. (`NOTIFY_PAYLOAD_MAX_LENGTH` in
    /// src/backend/commands/async.c: a page of 8,192 bytes less room for headers, and the terminating NUL.)
    static let maximumPayloadBytes = 7999

    /// One function for each table, beside it.
    static func function(of table: TableName) -> String {
        "\(table.schema.quoted).\(Self.functionName(of: table.table).quoted)"
    }

    /// Begins with this, whatever the table is called.
    private static let prefix = "eventrelay_"

    /// The table's name behind the prefix. One that is too long for that is cut, and a hash of all of it tells it from
    /// others that begin alike.
    static func functionName(of table: SQLName) -> SQLName {
        let whole = self.prefix + table.text
        if let name = try? SQLName(whole) { return name }
        let hash = table.text.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
        let digits = String(hash, radix: 16)
        let suffix = "_" + String(repeating: "0", count: 8 - digits.count) + digits
        var cut = String.UnicodeScalarView()
        var room = SQLName.maximumBytes - suffix.utf8.count
        for scalar in whole.unicodeScalars {
            room -= UTF8.width(scalar)
            if room < 0 { break }
            cut.append(scalar)
        }
        guard let name = try? SQLName(String(cut) + suffix) else { preconditionFailure("a name that was cut too late") }
        return name
    }

    /// Of a table's own, so they need not name it.
    static func trigger(_ operation: Operation) -> String { self.prefix + operation.rawValue }

    /// The condition, where the operation has the rows that it names.
    func condition(of operation: Operation) -> RowCondition? {
        guard let condition = self.condition else { return nil }
        switch operation {
        case .insert: return condition.namesOld ? nil : condition
        case .update: return condition
        case .delete: return condition.namesNew ? nil : condition
        // It has no rows, and what it removes may be any.
        case .truncate: return nil
        }
    }
}
