extension ConfigurationKey {
    /// Every setting there is. The TOML file, the environment, the command line and its help are all read from here.
    static let all: [ConfigurationKey] = [
        ConfigurationKey(
            "DbConnection",
            \.dbConnection,
            .anyText("a libpq connection string or URL"),
            default: "sslmode=prefer",
            flag: Flag("--database-url", \.databaseURL),
            summary: "libpq connection string or URL. Others can see flags; DATABASE_URL hides a password.",
            alsoFrom: "DATABASE_URL",
            isSecret: true
        ),
        ConfigurationKey(
            "HttpHost",
            \.httpHost,
            .host,
            default: "0.0.0.0",
            flag: Flag("--host", \.host),
            summary: "Address to listen on."
        ),
        ConfigurationKey(
            "HttpPort",
            \.httpPort,
            .offAsNone(.port),
            default: "7700",
            flag: Flag("--port", \.port),
            summary: "Port to listen on; 0 picks a free one, off serves HTTPS only."
        ),
        ConfigurationKey(
            "HttpsPort",
            \.httpsPort,
            .port,
            default: "7701",
            flag: Flag("--https-port", \.httpsPort),
            summary: "Port for HTTPS; 0 picks a free one. Needs a certificate and its key.",
            // No error, as pg_eventserv's files may have it.
            ignored: {
                $0.servesHTTPS ? nil : "HTTPS needs TlsServerCertificateFile and TlsServerPrivateKeyFile"
            }
        ),
        ConfigurationKey(
            "TlsServerCertificateFile",
            \.tlsServerCertificateFile,
            .orEmpty(.path),
            default: "",
            flag: Flag("--tls-server-certificate-file", \.tlsServerCertificateFile),
            summary: "PEM file with the server's certificate, followed by its chain."
        ),
        ConfigurationKey(
            "TlsServerPrivateKeyFile",
            \.tlsServerPrivateKeyFile,
            .orEmpty(.path),
            default: "",
            flag: Flag("--tls-server-private-key-file", \.tlsServerPrivateKeyFile),
            summary: "PEM file with the certificate's private key."
        ),
        ConfigurationKey(
            "UrlBase",
            \.urlBase,
            .webAddress,
            default: "",
            flag: Flag("--url-base", \.urlBase),
            summary: "URL at which clients reach the relay; without it, taken from each request."
        ),
        ConfigurationKey(
            "BasePath",
            \.basePath,
            .urlPath,
            default: "/",
            flag: Flag("--base-path", \.basePath),
            summary: "Path below which everything is served."
        ),
        ConfigurationKey(
            "CORSOrigins",
            \.corsOrigins,
            .origins,
            default: "*",
            flag: Flag("--cors-origins") { $0.corsOrigins.asOneText },
            summary: "Origins whose pages may connect, such as https://*.example.com; * for all."
        ),
        ConfigurationKey(
            "TrustedProxies",
            \.trustedProxies,
            .trustedProxies,
            default: "",
            flag: Flag("--trusted-proxies") { $0.trustedProxies.asOneText },
            summary: "Proxies trusted to say who a client is: addresses, networks, loopback, private."
        ),
        ConfigurationKey(
            "AssetsPath",
            \.assetsPath,
            .emptyAsNone(.path),
            default: "",
            flag: Flag("--assets-path", \.assetsPath),
            summary: "Folder to serve instead of the built-in viewer."
        ),
        ConfigurationKey(
            "RequestTimeout",
            \.requestTimeout,
            .duration(from: .seconds(1), to: .seconds(300), "from 1s to 5m"),
            default: "10s",
            flag: Flag("--request-timeout", \.requestTimeout),
            summary: "How long a request may take to arrive."
        ),
        ConfigurationKey(
            "KeepAliveTimeout",
            \.keepAliveTimeout,
            .duration(from: .seconds(10), to: .seconds(3_600), "from 10s to 1h"),
            default: "75s",
            flag: Flag("--keep-alive-timeout", \.keepAliveTimeout),
            summary: "How long an idle HTTP connection stays open."
        ),
        ConfigurationKey(
            "MaxClients",
            \.maxClients,
            .count,
            default: "20000",
            flag: Flag("--max-clients", \.maxClients),
            summary: "Maximum number of connected clients."
        ),
        ConfigurationKey(
            "MaxClientsPerAddress",
            \.maxClientsPerAddress,
            .zeroAsNone(.integer(in: 0...largestCount)),
            default: "0",
            flag: Flag("--max-clients-per-address", \.maxClientsPerAddress),
            summary: "Maximum number of connected clients per address; 0 for no limit."
        ),
        ConfigurationKey(
            "MaxConnectionsPerAddress",
            \.maxConnectionsPerAddress,
            .zeroAsNone(.integer(in: 0...largestCount)),
            default: "256",
            flag: Flag("--max-connections-per-address", \.maxConnectionsPerAddress),
            summary: "Maximum number of connections per address that are not, or not yet, clients; 0 for no limit."
        ),
        ConfigurationKey(
            "MaxClientsPerSubject",
            \.maxClientsPerSubject,
            .zeroAsNone(.integer(in: 0...largestCount)),
            default: "0",
            flag: Flag("--max-clients-per-subject", \.maxClientsPerSubject),
            summary: "Maximum number of connected clients whose tokens have the same subject; 0 for no limit."
        ),
        ConfigurationKey(
            "UpgradesPerSecond",
            \.upgradesPerSecond,
            .zeroAsNone(.integer(in: 0...1_000_000)),
            default: "0",
            flag: Flag("--upgrades-per-second", \.upgradesPerSecond),
            summary: "Requests to /listen per address and second, with bursts of ten times as many; 0 for no limit."
        ),
        ConfigurationKey(
            "HistoryRequestsPerSecond",
            \.historyRequestsPerSecond,
            .zeroAsNone(.integer(in: 0...1_000_000)),
            default: "0",
            flag: Flag("--history-requests-per-second", \.historyRequestsPerSecond),
            summary: "Requests for history per address and second, with bursts of ten times as many; 0 for no limit."
        ),
        ConfigurationKey(
            "Channels",
            \.channels,
            .channelGlobs,
            default: "*",
            flag: Flag("--channels") { $0.channels.asOneText },
            summary:
                "Channels that may be requested, with wildcards * and ?. A name without one is recorded from start-up."
        ),
        ConfigurationKey(
            "ChannelIdle",
            \.channelIdle,
            .duration,
            default: "7d",
            flag: Flag("--channel-idle", \.channelIdle),
            summary: "How long an on-demand channel stays recorded without a subscriber or an event."
        ),
        ConfigurationKey(
            "MaxChannels",
            \.maxChannels,
            .count,
            default: "1000",
            flag: Flag("--max-channels", \.maxChannels),
            summary: "Maximum number of channels recorded at once."
        ),
        ConfigurationKey(
            "NewChannelsPerMinute",
            \.newChannelsPerMinute,
            .zeroAsNone(.integer(in: 0...largestCount)),
            default: "0",
            flag: Flag("--new-channels-per-minute", \.newChannelsPerMinute),
            summary: "New channels that one address may add to those recorded, per minute; 0 for no limit."
        ),
        ConfigurationKey(
            "TokenSecret",
            \.tokenSecret,
            .tokenSecret,
            default: "",
            summary: "HS256 secret that tokens are signed with.",
            isSecret: true
        ),
        ConfigurationKey(
            "TokenKeyFile",
            \.tokenKeyFile,
            .emptyAsNone(.path),
            default: "",
            flag: Flag("--token-key-file", \.tokenKeyFile),
            summary: "PEM file with the public key or certificate that verifies tokens."
        ),
        ConfigurationKey(
            "TokenJwksFile",
            \.tokenJwksFile,
            .emptyAsNone(.path),
            default: "",
            flag: Flag("--token-jwks-file", \.tokenJwksFile),
            summary: "JSON Web Key Set with the public keys that verify tokens."
        ),
        ConfigurationKey(
            "TokenIssuer",
            \.tokenIssuer,
            .emptyAsNone(.anyText("text")),
            default: "",
            flag: Flag("--token-issuer", \.tokenIssuer),
            summary: "Issuer (iss) that tokens must be from."
        ),
        ConfigurationKey(
            "TokenAudience",
            \.tokenAudience,
            .emptyAsNone(.anyText("text")),
            default: "",
            flag: Flag("--token-audience", \.tokenAudience),
            summary: "Audience (aud) that tokens must be for."
        ),
        ConfigurationKey(
            "TokenLeeway",
            \.tokenLeeway,
            .leeway,
            default: "30s",
            flag: Flag("--token-leeway", \.tokenLeeway),
            summary: "How far the clock of a token's issuer may be off."
        ),
        ConfigurationKey(
            "TokenCookie",
            \.tokenCookie,
            .emptyAsNone(.cookieName),
            default: "",
            flag: Flag("--token-cookie", \.tokenCookie),
            summary: "Name of a cookie that may hold a token."
        ),
        ConfigurationKey(
            "TokenInUrl",
            \.tokenInUrl,
            .boolean,
            default: "false",
            flag: Flag("--token-in-url", \.tokenInUrl),
            summary: "Whether the URL parameter 'token' may hold a token: true or false."
        ),
        ConfigurationKey(
            "AnonymousChannels",
            \.anonymousChannels,
            .channelGlobsOrNone,
            default: "",
            flag: Flag("--anonymous-channels") { $0.anonymousChannels.asOneText },
            summary: "Channels that need no token, with the wildcards * and ?."
        ),
        ConfigurationKey(
            "LogPath",
            \.logPath,
            .path,
            default: "pg_eventrelay.db",
            flag: Flag("--log-path", \.logPath),
            summary: "SQLite file that holds the events."
        ),
        ConfigurationKey(
            "LogMaxBytes",
            \.logMaxBytes,
            .logSize,
            default: "1GiB",
            flag: Flag("--log-max-bytes", \.logMaxBytes),
            summary: "Maximum size of the log's file, such as 64MiB."
        ),
        ConfigurationKey(
            "LogMaxEvents",
            \.logMaxEvents,
            .count,
            default: "1000000",
            flag: Flag("--log-max-events", \.logMaxEvents),
            summary: "Maximum number of events kept, over all channels."
        ),
        ConfigurationKey(
            "LogMaxAge",
            \.logMaxAge,
            .zeroAsNone(.duration),
            default: "7d",
            flag: Flag("--log-max-age", \.logMaxAge),
            summary: "How long events are kept, such as 12h; 0 for forever."
        ),
        ConfigurationKey(
            "LogMaxEventsPerChannel",
            \.logMaxEventsPerChannel,
            .zeroAsNone(.integer(in: 0...largestCount)),
            default: "0",
            flag: Flag("--log-max-events-per-channel", \.logMaxEventsPerChannel),
            summary: "Maximum number of events kept per channel; 0 for no limit."
        ),
        ConfigurationKey(
            "AdminPort",
            \.adminPort,
            .offAsNone(.port),
            default: "off",
            flag: Flag("--admin-port", \.adminPort),
            summary: "Separate port for /health, /ready and /metrics; 0 picks a free one, off leaves them at HttpPort."
        ),
        ConfigurationKey(
            "AdminHost",
            \.adminHost,
            .host,
            default: "127.0.0.1",
            flag: Flag("--admin-host", \.adminHost),
            summary: "Address to listen on for AdminPort.",
            ignored: { $0.adminPort == nil ? "AdminPort is not set" : nil }
        ),
        ConfigurationKey(
            "AccessLog",
            \.accessLog,
            .boolean,
            default: "true",
            flag: Flag("--access-log", \.accessLog),
            summary: "Log a line when a WebSocket or event stream ends, and with Debug one for each HTTP request."
        ),
        ConfigurationKey(
            "Debug",
            \.debug,
            .boolean,
            default: "false",
            flag: Flag("--debug") { $0.debug ? "true" : nil },
            summary: "Log debug messages."
        ),
        ConfigurationKey(
            "DbPoolMaxConns",
            \.dbPoolMaxConns,
            .count,
            default: "4",
            summary: "Size of a pool of database connections.",
            ignored: { _ in withoutPool }
        ),
        ConfigurationKey(
            "DbPoolMaxConnLifeTime",
            \.dbPoolMaxConnLifeTime,
            .duration,
            default: "1h",
            summary: "How long a pooled database connection lives.",
            ignored: { _ in withoutPool }
        ),
    ]

    private static let withoutPool = "there is no pool: one database connection serves all channels"
}

extension [String] {
    /// What a flag that was given several times says as a whole, or `nil` if it wasn't given.
    fileprivate var asOneText: String? { self.isEmpty ? nil : self.joined(separator: ",") }
}
