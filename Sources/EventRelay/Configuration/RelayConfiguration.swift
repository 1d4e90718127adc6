import RelayHTTP

/// All that a person may set, with the defaults.
///
/// A property is named for its key. The doc comment gives the key, its range and what it means; the initial value is
/// the default. How a key is written in a file, in the environment and on the command line is in
/// ``ConfigurationKey/all``: a new setting is a property here, an entry there, a line in
/// `config/pg_eventrelay.toml.example`, and, if it deserves one, a flag in ``ConfigurationFlags``.
struct RelayConfiguration: Sendable, Equatable {
    // MARK: PostgreSQL

    /// `DbConnection`: the libpq connection string or URL; any text without NUL. It may hold a password: never log it.
    var dbConnection = "sslmode=prefer"

    // MARK: HTTP

    /// `HttpHost`: the address or host name to listen on, IPv6 without brackets.
    var httpHost = "0.0.0.0"

    /// `HttpPort`: the port to listen on, 0…65535; 0 picks a free one. `nil` (written `off`): no plain HTTP.
    var httpPort: Int? = 7700

    /// `HttpsPort`: the port for HTTPS, 0…65535; 0 picks a free one. It is opened if there are both files.
    var httpsPort = 7701

    /// `TlsServerCertificateFile`: the PEM file of the server's certificate chain. Empty: no HTTPS.
    var tlsServerCertificateFile = ""

    /// `TlsServerPrivateKeyFile`: the PEM file of the server's private key, without a passphrase. Empty: no HTTPS.
    var tlsServerPrivateKeyFile = ""

    /// `UrlBase`: the `http`, `https`, `ws` or `wss` URL at which clients reach the relay, without a `/` at its end.
    /// Empty: taken from each request.
    var urlBase = ""

    /// `BasePath`: the path below which everything is served. Begins with `/`; only the root ends with one.
    var basePath = BasePath.none

    /// `CORSOrigins`: the origins whose pages may connect, `scheme://host[:port]` or `scheme://*.domain[:port]`, `*` for
    /// all. Empty: none.
    var corsOrigins = [OriginPattern.any]

    /// `TrustedProxies`: the addresses and networks of proxies whose `Forwarded` and `X-Forwarded-For` are believed,
    /// also `loopback` and `private`. Empty: none.
    var trustedProxies = TrustedProxies.none

    /// `AssetsPath`: a folder to serve the viewer from. `nil`: from the files in the binary.
    var assetsPath: String?

    /// `RequestTimeout`: how long a request may take to arrive, 1 s…5 min.
    var requestTimeout: Duration = .seconds(10)

    /// `KeepAliveTimeout`: how long an HTTP connection on which nothing moves is kept, 10 s…1 h. Less would cut requests
    /// that wait for PostgreSQL to LISTEN.
    var keepAliveTimeout: Duration = .seconds(75)

    // MARK: Clients

    /// `MaxClients`: the most connected clients, at least 1.
    var maxClients = 20_000

    /// `MaxClientsPerAddress`: the most connected clients of one address. `nil` (written `0`): no limit.
    var maxClientsPerAddress: Int?

    /// `MaxConnectionsPerAddress`: the most connections of one address that are no clients, or not yet; those of
    /// `TrustedProxies` are not counted. A quarter of all that there may be, so that no address takes all of them, and
    /// far more than its users need at one moment. `nil` (written `0`): as many as there are for all.
    var maxConnectionsPerAddress: Int? = 256

    /// `MaxClientsPerSubject`: the most connected clients whose tokens have the same `sub`. `nil` (written `0`): no
    /// limit.
    var maxClientsPerSubject: Int?

    /// `UpgradesPerSecond`: the most requests to `/listen` of one address in a second, tenfold after a pause;
    /// 1…1,000,000. `nil` (written `0`): no limit.
    var upgradesPerSecond: Int?

    /// `HistoryRequestsPerSecond`: the most requests for history of one address in a second, tenfold after a pause;
    /// 1…1,000,000. `nil` (written `0`): no limit.
    var historyRequestsPerSecond: Int?

    // MARK: Channels

    /// `Channels`: names and globs (`*`, `?`) of the channels that may be asked for; at least one, each 1…63 bytes.
    var channels = ["*"]

    /// `ChannelIdle`: how long an on-demand channel without subscriber and event is still listened to, 0…100 years.
    var channelIdle: Duration = .seconds(7 * 86_400)

    /// `MaxChannels`: the most channels recorded at once, at least 1.
    var maxChannels = 1_000

    /// `NewChannelsPerMinute`: the most channels that one address may bring to be recorded in a minute. `nil` (written
    /// `0`): no limit.
    var newChannelsPerMinute: Int?

    // MARK: Tokens: asked for if one of the first three is set

    /// `TokenSecret`: the secret of HS256 as text, at least 32 bytes in UTF-8; never shown. Empty: none.
    var tokenSecret = ""

    /// `TokenKeyFile`: a PEM file with a public key or certificate. `nil`: none.
    var tokenKeyFile: String?

    /// `TokenJwksFile`: a file with a JSON Web Key Set. `nil`: none.
    var tokenJwksFile: String?

    /// `TokenIssuer`: what `iss` has to be. `nil`: anything.
    var tokenIssuer: String?

    /// `TokenAudience`: what `aud` has to name. `nil`: anything.
    var tokenAudience: String?

    /// `TokenLeeway`: by how much the issuer's clock may differ from ours, 0…10 min.
    var tokenLeeway: Duration = .seconds(30)

    /// `TokenCookie`: the name of a cookie that may hold a token. `nil`: none.
    var tokenCookie: String?

    /// `TokenInUrl`: whether the URL's parameter `token` may hold one.
    var tokenInUrl = false

    /// `AnonymousChannels`: names and globs of the channels that need no token. Empty: none.
    var anonymousChannels: [String] = []

    // MARK: The ring log

    /// `LogPath`: the SQLite file.
    var logPath = "pg_eventrelay.db"

    /// `LogMaxBytes`: the most bytes of disk, 1 MiB…16 TB. SQLite can't hold more than 2^32 pages of 4 KiB.
    var logMaxBytes: Int64 = 1 << 30

    /// `LogMaxEvents`: the most events over all channels, at least 1.
    var logMaxEvents = 1_000_000

    /// `LogMaxAge`: how long an event is kept, up to 100 years. `nil` (written `0`): for ever.
    var logMaxAge: Duration? = .seconds(7 * 86_400)

    /// `LogMaxEventsPerChannel`: the most events of one channel. `nil` (written `0`): no limit.
    var logMaxEventsPerChannel: Int?

    // MARK: Diagnosis

    /// `AdminPort`: the port for `/health`, `/ready` and `/metrics`, 0…65535; 0 picks a free one. `nil` (written `off`):
    /// they are served at the same port as everything else.
    var adminPort: Int?

    /// `AdminHost`: the address or host name to listen on for them, IPv6 without brackets.
    var adminHost = "127.0.0.1"

    /// `AccessLog`: whether to log a line for each WebSocket and event stream that ends, and with `Debug` for each HTTP
    /// request.
    var accessLog = true

    /// `Debug`: whether to log debug messages.
    var debug = false

    // MARK: Understood, without effect in this version

    /// `DbPoolMaxConns`: the size of a pool of database connections, at least 1.
    var dbPoolMaxConns = 4

    /// `DbPoolMaxConnLifeTime`: how long a pooled database connection lives, 0…100 years.
    var dbPoolMaxConnLifeTime: Duration = .seconds(3_600)
}
