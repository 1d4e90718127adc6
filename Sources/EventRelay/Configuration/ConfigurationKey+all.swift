extension ConfigurationKey {
    /// Every setting there is. The TOML file, the environment, the command line and its help are all read from here.
    static let all: [ConfigurationKey] = [
        ConfigurationKey(
            "DbConnection",
            \.dbConnection,
            .anyText("a libpq connection string or URL"),
            default: "sslmode=prefer",
            flag: Flag("--database-url", \.databaseURL),
            summary: "libpq connection string or URL. Others can see it here; DATABASE_URL hides a password.",
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
            summary: "Port to listen on; 0 picks a free one, off is for HTTPS only."
        ),
        ConfigurationKey(
            "HttpsPort",
            \.httpsPort,
            .port,
            default: "7701",
            flag: Flag("--https-port", \.httpsPort),
            summary: "Port for HTTPS; 0 picks a free one. It needs a certificate and its key.",
            // No error, as pg_eventserv's files may have it.
            ignored: {
                $0.servesHTTPS ? nil : "there is no HTTPS without TlsServerCertificateFile and TlsServerPrivateKeyFile"
            }
        ),
        ConfigurationKey(
            "TlsServerCertificateFile",
            \.tlsServerCertificateFile,
            .orEmpty(.path),
            default: "",
            flag: Flag("--tls-server-certificate-file", \.tlsServerCertificateFile),
            summary: "PEM file of the server's certificate chain, its own first."
        ),
        ConfigurationKey(
            "TlsServerPrivateKeyFile",
            \.tlsServerPrivateKeyFile,
            .orEmpty(.path),
            default: "",
            flag: Flag("--tls-server-private-key-file", \.tlsServerPrivateKeyFile),
            summary: "PEM file of the certificate's private key."
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
            summary: "Origins whose pages may connect, such as https://*.example.com, * for all."
        ),
        ConfigurationKey(
            "TrustedProxies",
            \.trustedProxies,
            .trustedProxies,
            default: "",
            flag: Flag("--trusted-proxies") { $0.trustedProxies.asOneText },
            summary: "Proxies that are believed whom a request comes from: addresses, networks, loopback, private."
        ),
        ConfigurationKey(
            "AssetsPath",
            \.assetsPath,
            .emptyAsNone(.path),
            default: "",
            flag: Flag("--assets-path", \.assetsPath),
            summary: "Folder to serve the viewer from; without it, the viewer in the binary."
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
            summary: "How long to keep an HTTP connection on which nothing moves."
        ),
        ConfigurationKey(
            "MaxClients",
            \.maxClients,
            .count,
            default: "20000",
            flag: Flag("--max-clients", \.maxClients),
            summary: "Most connected clients."
        ),
        ConfigurationKey(
            "MaxClientsPerAddress",
            \.maxClientsPerAddress,
            .zeroAsNone(.integer(in: 0...largestCount)),
            default: "0",
            flag: Flag("--max-clients-per-address", \.maxClientsPerAddress),
            summary: "Most connected clients of one address; 0 for no limit."
        ),
        ConfigurationKey(
            "MaxConnectionsPerAddress",
            \.maxConnectionsPerAddress,
            .zeroAsNone(.integer(in: 0...largestCount)),
            default: "256",
            flag: Flag("--max-connections-per-address", \.maxConnectionsPerAddress),
            summary: "Most connections of one address that are no clients, or not yet; 0 for no limit."
        ),
        ConfigurationKey(
            "MaxClientsPerSubject",
            \.maxClientsPerSubject,
            .zeroAsNone(.integer(in: 0...largestCount)),
            default: "0",
            flag: Flag("--max-clients-per-subject", \.maxClientsPerSubject),
            summary: "Most connected clients whose tokens have the same subject; 0 for no limit."
        ),
        ConfigurationKey(
            "UpgradesPerSecond",
            \.upgradesPerSecond,
            .zeroAsNone(.integer(in: 0...1_000_000)),
            default: "0",
            flag: Flag("--upgrades-per-second", \.upgradesPerSecond),
            summary: "Most requests to /listen of one address in a second, ten times that at once; 0 for no limit."
        ),
        ConfigurationKey(
            "HistoryRequestsPerSecond",
            \.historyRequestsPerSecond,
            .zeroAsNone(.integer(in: 0...1_000_000)),
            default: "0",
            flag: Flag("--history-requests-per-second", \.historyRequestsPerSecond),
            summary: "Most requests for history of one address in a second, ten times that at once; 0 for no limit."
        ),
        ConfigurationKey(
            "Channels",
            \.channels,
            .channelGlobs,
            default: "*",
            flag: Flag("--channels") { $0.channels.asOneText },
            summary:
                "Channels that may be asked for, with the wildcards * and ?. A name without any is recorded at once."
        ),
        ConfigurationKey(
            "ChannelIdle",
            \.channelIdle,
            .duration,
            default: "7d",
            flag: Flag("--channel-idle", \.channelIdle),
            summary: "How long to listen to an on-demand channel that has no subscriber and no event."
        ),
        ConfigurationKey(
            "MaxChannels",
            \.maxChannels,
            .count,
            default: "1000",
            flag: Flag("--max-channels", \.maxChannels),
            summary: "Most channels recorded at once."
        ),
        ConfigurationKey(
            "NewChannelsPerMinute",
            \.newChannelsPerMinute,
            .zeroAsNone(.integer(in: 0...largestCount)),
            default: "0",
            flag: Flag("--new-channels-per-minute", \.newChannelsPerMinute),
            summary: "Most channels that one address may bring to be recorded in a minute; 0 for no limit."
        ),
        ConfigurationKey(
            "TokenSecret",
            \.tokenSecret,
            .tokenSecret,
            default: "",
            summary: "Secret of HS256 that tokens are signed with.",
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
            .emptyAsNone(.anyText("a text")),
            default: "",
            flag: Flag("--token-issuer", \.tokenIssuer),
            summary: "Issuer (iss) that tokens have to be from."
        ),
        ConfigurationKey(
            "TokenAudience",
            \.tokenAudience,
            .emptyAsNone(.anyText("a text")),
            default: "",
            flag: Flag("--token-audience", \.tokenAudience),
            summary: "Audience (aud) that tokens have to be for."
        ),
        ConfigurationKey(
            "TokenLeeway",
            \.tokenLeeway,
            .leeway,
            default: "30s",
            flag: Flag("--token-leeway", \.tokenLeeway),
            summary: "By how much the clock of a token's issuer may differ."
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
            summary: "Whether the URL's parameter 'token' may hold a token: true or false."
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
            summary: "Most bytes of disk for events, such as 64MiB."
        ),
        ConfigurationKey(
            "LogMaxEvents",
            \.logMaxEvents,
            .count,
            default: "1000000",
            flag: Flag("--log-max-events", \.logMaxEvents),
            summary: "Most events kept, over all channels."
        ),
        ConfigurationKey(
            "LogMaxAge",
            \.logMaxAge,
            .zeroAsNone(.duration),
            default: "7d",
            flag: Flag("--log-max-age", \.logMaxAge),
            summary: "How long events are kept, such as 12h; 0 for ever."
        ),
        ConfigurationKey(
            "LogMaxEventsPerChannel",
            \.logMaxEventsPerChannel,
            .zeroAsNone(.integer(in: 0...largestCount)),
            default: "0",
            flag: Flag("--log-max-events-per-channel", \.logMaxEventsPerChannel),
            summary: "Most events kept of one channel; 0 for no limit."
        ),
        ConfigurationKey(
            "AdminPort",
            \.adminPort,
            .offAsNone(.port),
            default: "off",
            flag: Flag("--admin-port", \.adminPort),
            summary: "Port for /health, /ready and /metrics alone; 0 picks a free one, off leaves them at HttpPort."
        ),
        ConfigurationKey(
            "AdminHost",
            \.adminHost,
            .host,
            default: "127.0.0.1",
            flag: Flag("--admin-host", \.adminHost),
            summary: "Address to listen on for AdminPort.",
            ignored: { $0.adminPort == nil ? "there is no AdminPort" : nil }
        ),
        ConfigurationKey(
            "AccessLog",
            \.accessLog,
            .boolean,
            default: "true",
            flag: Flag("--access-log", \.accessLog),
            summary: "Log a line for each WebSocket and event stream that ends, and with Debug for each HTTP request."
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
