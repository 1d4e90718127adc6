import CLibpq
import Glibc
import RelayCore

/// One libpq connection, used on the thread that made it.
///
/// Connecting blocks, because only libpq's blocking call gives each host of a connection string its own
/// `connect_timeout` and goes on to the next one after it
/// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-CONNECT-TIMEOUT). Everything after that is
/// non-blocking.
struct PostgresConnection: ~Copyable {
    private let handle: OpaquePointer
    /// Of the command under way, whose results have not all come yet.
    private var refusal: PostgresError?

    private init(handle: OpaquePointer) {
        self.handle = handle
    }

    deinit {
        PQfinish(self.handle)
    }

    /// - Parameter connectionString: libpq's keywords or a URL; what it leaves open comes from the `PG…` environment.
    static func connect(_ connectionString: String) throws(PostgresError) -> PostgresConnection {
        // A later keyword wins: what the connection string says stands between what it may and what it may not change.
        let keywords = Self.defaults + [("dbname", connectionString), ("client_encoding", "UTF8")]
        guard let handle = Self.open(keywords) else {
            throw PostgresError(work: "connect", message: "out of memory")
        }
        guard PQstatus(handle) == CONNECTION_OK, Self.setEncoding(handle), PQsetnonblocking(handle, 1) == 0 else {
            let message = String(cString: PQerrorMessage(handle))
            PQfinish(handle)
            throw PostgresError(work: "connect", message: message)
        }
        // Notices ("channel … already listened to") are nobody's business; libpq would write them to stderr.
        PQsetNoticeReceiver(handle, { _, _ in }, nil)
        return PostgresConnection(handle: handle)
    }

    /// A database that doesn't say what its bytes mean (SQL_ASCII) may send any; with client encoding UTF8 the server
    /// would end the connection at the first that are not UTF-8.
    private static func setEncoding(_ handle: OpaquePointer) -> Bool {
        guard let encoding = PQparameterStatus(handle, "server_encoding"), String(cString: encoding) == "SQL_ASCII"
        else { return true }
        return PQsetClientEncoding(handle, "SQL_ASCII") == 0
    }

    /// A host that is gone is noticed within 25 s also when it sends no word: 10 s idle, then three probes.
    private static var defaults: [(String, String)] {
        var defaults = [
            ("fallback_application_name", "pg_eventrelay"),
            ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "25000"),
        ]
        if getenv("PGCONNECT_TIMEOUT") == nil { defaults.append(("connect_timeout", "10")) }
        return defaults
    }

    private static func open(_ keywords: [(String, String)]) -> OpaquePointer? {
        let names = keywords.map { strdup($0.0) } + [nil]
        let values = keywords.map { strdup($0.1) } + [nil]
        defer {
            for copy in names + values { free(copy) }
        }
        return PQconnectdbParams(names.map { UnsafePointer($0) }, values.map { UnsafePointer($0) }, 1)
    }

    /// What a connection string says of where to and as whom, without anything secret; nil if libpq doesn't
    /// understand it.
    static func summary(of connectionString: String) -> String? {
        guard let options = PQconninfoParse(connectionString, nil) else { return nil }
        defer { PQconninfoFree(options) }
        var parts: [String] = []
        var option = options
        while let keyword = option.pointee.keyword {
            let name = String(cString: keyword)
            if ["host", "hostaddr", "port", "dbname", "user"].contains(name), let value = option.pointee.val {
                parts.append("\(name)=\(String(cString: value))")
            }
            option += 1
        }
        return parts.joined(separator: " ")
    }

    /// For log lines: `PostgreSQL 15.18 at localhost:5432/shop`.
    var server: String {
        func text(_ pointer: UnsafeMutablePointer<CChar>?) -> String { pointer.map { String(cString: $0) } ?? "" }
        let version = PQserverVersion(self.handle)
        let name = "PostgreSQL \(version / 10_000).\(version % 10_000)"
        return "\(name) at \(text(PQhost(self.handle))):\(text(PQport(self.handle)))/\(text(PQdb(self.handle)))"
    }

    var descriptor: Int32 { PQsocket(self.handle) }

    /// Starts a command. Its results come by `result`.
    func send(_ sql: String) throws(PostgresError) {
        guard PQsendQuery(self.handle, sql) == 1 else { throw self.error(work: "send") }
    }

    /// Writes what is still to be sent.
    /// - Returns: whether something is left for which the socket has to become writable.
    func flush() throws(PostgresError) -> Bool {
        switch PQflush(self.handle) {
        case 0: return false
        case 1: return true
        default: throw self.error(work: "send")
        }
    }

    /// Takes what has arrived from the socket, without waiting.
    func consumeInput() throws(PostgresError) {
        guard PQconsumeInput(self.handle) == 1 else { throw self.error(work: "read") }
    }

    enum CommandState {
        case running
        case done
        /// The command failed because of a name in it.
        case refused(PostgresError)
    }

    /// How far the command is that was sent, as far as that can be told without waiting.
    /// - Throws: when it failed for a reason that lies with the server: a standby, for example, can't listen at all.
    mutating func commandState() throws(PostgresError) -> CommandState {
        while PQisBusy(self.handle) == 0 {
            guard let result = PQgetResult(self.handle) else {
                return self.refusal.take().map { .refused($0) } ?? .done
            }
            defer { PQclear(result) }
            let status = PQresultStatus(result)
            if status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY { continue }
            let error = PostgresError(work: "LISTEN", message: String(cString: PQresultErrorMessage(result)))
            guard Self.isAboutData(result) else { throw error }
            self.refusal = error
        }
        return .running
    }

    /// SQLSTATE classes 22 (data exception: a character that the encoding lacks) and 42 (a name that can't be one).
    private static func isAboutData(_ result: OpaquePointer) -> Bool {
        // PG_DIAG_SQLSTATE, a character constant that Swift doesn't import.
        guard let state = PQresultErrorField(result, Int32(UInt8(ascii: "C"))) else { return false }
        return ["22", "42"].contains(String(cString: state).prefix(2))
    }

    /// Notifications that have been read from the socket, up to the limit.
    func notifications(upTo limit: BatchLimit) -> [Notification] {
        var notifications: [Notification] = []
        var bytes = 0
        while notifications.count < limit.events, bytes < limit.bytes, let notify = PQnotifies(self.handle) {
            defer { PQfreemem(notify) }
            let payload = UnsafeRawBufferPointer(start: notify.pointee.extra, count: strlen(notify.pointee.extra))
            bytes += payload.count
            // A name that can't be one was not asked for either.
            if let channel = try? ChannelName(String(cString: notify.pointee.relname)) {
                notifications.append(Notification(channel: channel, payload: Payload(Array(payload))))
            }
        }
        return notifications
    }

    /// The name as SQL text that can only be an identifier: quoted, its quotes doubled.
    func quoted(_ channel: ChannelName) throws(PostgresError) -> String {
        guard let quoted = PQescapeIdentifier(self.handle, channel.text, channel.text.utf8.count) else {
            throw self.error(work: "LISTEN")
        }
        defer { PQfreemem(quoted) }
        return String(cString: quoted)
    }

    private func error(work: String) -> PostgresError {
        PostgresError(work: work, message: String(cString: PQerrorMessage(self.handle)))
    }
}
