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
    private var failure: CommandState?
    /// The first of the first row of the last result that had one.
    private(set) var value: String?

    private init(handle: OpaquePointer) {
        self.handle = handle
    }

    deinit {
        PQfinish(self.handle)
    }

    /// - Parameters:
    ///   - connectionString: libpq's keywords or a URL; what it leaves open comes from the `PG…` environment.
    ///   - place: keywords that say which of several hosts it has to be; see `place`.
    ///   - patience: for what has to be asked once it is connected.
    static func connect(
        _ connectionString: String,
        place: [(String, String)] = [],
        patience: Duration
    ) throws(PostgresError) -> PostgresConnection {
        // A later keyword wins: what the connection string says stands between what it may and what it may not change.
        let keywords = Self.defaults + [("dbname", connectionString), ("client_encoding", "UTF8")] + place
        guard let handle = Self.open(keywords) else {
            throw .connect("out of memory")
        }
        guard PQstatus(handle) == CONNECTION_OK, PQsetnonblocking(handle, 1) == 0 else {
            let message = String(cString: PQerrorMessage(handle))
            PQfinish(handle)
            throw .connect(message)
        }
        // Notices ("channel … already listened to") are nobody's business; libpq would write them to stderr.
        PQsetNoticeReceiver(handle, { _, _ in }, nil)
        var connection = PostgresConnection(handle: handle)
        try connection.setEncoding(within: patience)
        return connection
    }

    /// A database that doesn't say what its bytes mean (SQL_ASCII) may send any; with client encoding UTF8 the server
    /// would end the connection at the first that are not UTF-8. libpq's own call for it waits for ever.
    private mutating func setEncoding(within patience: Duration) throws(PostgresError) {
        guard let encoding = PQparameterStatus(self.handle, "server_encoding"), String(cString: encoding) == "SQL_ASCII"
        else { return }
        try self.run("SET client_encoding TO 'SQL_ASCII'", within: patience)
    }

    /// The kernel notices a host that is gone within 25 s: for the time in which no heartbeat is sent.
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

    /// The process at the other end, as it was told when the connection was made. A pooler makes one up.
    var backend: Int32 { PQbackendPID(self.handle) }

    /// Keywords that lead to the same of several hosts.
    var place: [(String, String)] {
        [("host", PQhost(self.handle)), ("hostaddr", PQhostaddr(self.handle)), ("port", PQport(self.handle))]
            .compactMap { keyword, value in value.map { (keyword, String(cString: $0)) } }
    }

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
        /// The command failed for a reason that lies with the server: a standby, for example, can't listen at all.
        case failed(PostgresError)
    }

    /// How far the command is that was sent, as far as that can be told without waiting.
    /// - Throws: when the server ended the connection.
    mutating func commandState() throws(PostgresError) -> CommandState {
        while PQisBusy(self.handle) == 0 {
            guard let result = PQgetResult(self.handle) else { return self.failure.take() ?? .done }
            defer { PQclear(result) }
            let status = PQresultStatus(result)
            if status == PGRES_TUPLES_OK, PQntuples(result) > 0, PQnfields(result) > 0 {
                self.value = String(cString: PQgetvalue(result, 0, 0))
            }
            if status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY { continue }
            self.failure = try self.failure(result)
        }
        return .running
    }

    private func failure(_ result: OpaquePointer) throws(PostgresError) -> CommandState {
        // PG_DIAG_SQLSTATE and PG_DIAG_SEVERITY_NONLOCALIZED, character constants that Swift doesn't import.
        let state = Self.field(UInt8(ascii: "C"), of: result)
        let severity = Self.field(UInt8(ascii: "V"), of: result)
        func error(_ cause: OutageCause) -> PostgresError {
            PostgresError(work: "command", cause: cause, message: String(cString: PQresultErrorMessage(result)))
        }
        // FATAL and PANIC come before the end of the connection; libpq's own findings have no severity.
        guard severity == "ERROR" else { throw error(.closed) }
        // Classes 22 (data exception: a character that the encoding lacks) and 42 (a name that can't be one).
        if ["22", "42"].contains(state.prefix(2)) { return .refused(error(.refused)) }
        // read_only_sql_transaction: what a standby says to LISTEN.
        return .failed(error(state == "25006" ? .standby : .refused))
    }

    private static func field(_ code: UInt8, of result: OpaquePointer) -> String {
        PQresultErrorField(result, Int32(code)).map { String(cString: $0) } ?? ""
    }

    /// What has been read from the socket.
    struct Arrived {
        var notifications: [Notification] = []
        /// What came on the heartbeat's channel: the numbers, and the processes that sent them.
        var heartbeats: [(number: Int, sender: Int32)] = []

        var isEmpty: Bool { self.notifications.isEmpty && self.heartbeats.isEmpty }
    }

    /// What has been read from the socket, up to the limit.
    func arrived(upTo limit: BatchLimit, heartbeatChannel: ChannelName) -> Arrived {
        var arrived = Arrived()
        var bytes = 0
        while arrived.notifications.count < limit.events, bytes < limit.bytes, let notify = PQnotifies(self.handle) {
            defer { PQfreemem(notify) }
            let payload = UnsafeRawBufferPointer(start: notify.pointee.extra, count: strlen(notify.pointee.extra))
            bytes += payload.count
            // A name that can't be one was not asked for either.
            guard let channel = try? ChannelName(String(cString: notify.pointee.relname)) else { continue }
            if channel == heartbeatChannel {
                guard let number = Int(String(decoding: payload, as: UTF8.self)) else { continue }
                arrived.heartbeats.append((number, notify.pointee.be_pid))
            } else {
                arrived.notifications.append(Notification(channel: channel, payload: Payload(Array(payload))))
            }
        }
        return arrived
    }

    /// Runs a command to its end, blocking, for as long as given.
    mutating func run(_ sql: String, within patience: Duration) throws(PostgresError) {
        let deadline = ContinuousClock.now + patience
        try self.send(sql)
        while true {
            let events = try self.flush() ? POLLIN | POLLOUT : POLLIN
            var descriptor = pollfd(fd: self.descriptor, events: Int16(events), revents: 0)
            poll(&descriptor, 1, millisecondsToWait(until: deadline))
            if descriptor.revents != 0 { try self.consumeInput() }
            switch try self.commandState() {
            case .running: break
            case .done: return
            case .refused(let error), .failed(let error): throw error
            }
            if deadline <= .now {
                throw PostgresError(work: "command", cause: .silent, message: "no answer within \(patience)")
            }
        }
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
        PostgresError(work: work, cause: .closed, message: String(cString: PQerrorMessage(self.handle)))
    }
}
