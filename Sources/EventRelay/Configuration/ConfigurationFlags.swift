import ArgumentParser

/// The options of the command line, as typed.
///
/// Values stay text: ``ConfigurationKey`` reads them by the same rules as those of the other sources.
struct ConfigurationFlags: ParsableArguments {
    @Option(
        name: [.long, .customShort("c")],
        help: ArgumentHelp("TOML file to read instead of those in ./config, /config and /etc.", valueName: "file"),
        completion: .file(extensions: ["toml"])
    )
    var config: String?

    @Flag(name: [.long, .customShort("d")], help: .key("Debug"))
    var debug = false

    @Option(name: .customLong("database-url"), help: .key("DbConnection"))
    var databaseURL: String?

    @Option(help: .key("HttpHost"))
    var host: String?

    @Option(help: .key("HttpPort"))
    var port: String?

    @Option(help: .key("HttpsPort"))
    var httpsPort: String?

    @Option(help: .key("TlsServerCertificateFile"), completion: .file())
    var tlsServerCertificateFile: String?

    @Option(help: .key("TlsServerPrivateKeyFile"), completion: .file())
    var tlsServerPrivateKeyFile: String?

    @Option(help: .key("UrlBase"))
    var urlBase: String?

    @Option(help: .key("BasePath"))
    var basePath: String?

    @Option(help: .key("CORSOrigins"))
    var corsOrigins: [String] = []

    @Option(help: .key("TrustedProxies"))
    var trustedProxies: [String] = []

    @Option(help: .key("AssetsPath"), completion: .directory)
    var assetsPath: String?

    @Option(help: .key("RequestTimeout"))
    var requestTimeout: String?

    @Option(help: .key("KeepAliveTimeout"))
    var keepAliveTimeout: String?

    @Option(help: .key("MaxClients"))
    var maxClients: String?

    @Option(help: .key("MaxClientsPerAddress"))
    var maxClientsPerAddress: String?

    @Option(help: .key("MaxConnectionsPerAddress"))
    var maxConnectionsPerAddress: String?

    @Option(help: .key("MaxClientsPerSubject"))
    var maxClientsPerSubject: String?

    @Option(help: .key("UpgradesPerSecond"))
    var upgradesPerSecond: String?

    @Option(help: .key("HistoryRequestsPerSecond"))
    var historyRequestsPerSecond: String?

    @Option(help: .key("Channels"))
    var channels: [String] = []

    @Option(help: .key("ChannelIdle"))
    var channelIdle: String?

    @Option(help: .key("MaxChannels"))
    var maxChannels: String?

    @Option(help: .key("NewChannelsPerMinute"))
    var newChannelsPerMinute: String?

    @Option(help: .key("TokenKeyFile"), completion: .file())
    var tokenKeyFile: String?

    @Option(help: .key("TokenJwksFile"), completion: .file())
    var tokenJwksFile: String?

    @Option(help: .key("TokenIssuer"))
    var tokenIssuer: String?

    @Option(help: .key("TokenAudience"))
    var tokenAudience: String?

    @Option(help: .key("TokenLeeway"))
    var tokenLeeway: String?

    @Option(help: .key("TokenCookie"))
    var tokenCookie: String?

    @Option(help: .key("TokenInUrl"))
    var tokenInUrl: String?

    @Option(help: .key("AnonymousChannels"))
    var anonymousChannels: [String] = []

    @Option(help: .key("LogPath"), completion: .file())
    var logPath: String?

    @Option(help: .key("LogMaxBytes"))
    var logMaxBytes: String?

    @Option(help: .key("LogMaxEvents"))
    var logMaxEvents: String?

    @Option(help: .key("LogMaxAge"))
    var logMaxAge: String?

    @Option(help: .key("LogMaxEventsPerChannel"))
    var logMaxEventsPerChannel: String?

    @Option(help: .key("AdminPort"))
    var adminPort: String?

    @Option(help: .key("AdminHost"))
    var adminHost: String?

    @Option(help: .key("AccessLog"))
    var accessLog: String?
}

extension ArgumentHelp {
    /// The summary of a key, with its default if there is one to show.
    fileprivate static func key(_ name: String) -> ArgumentHelp {
        guard let key = ConfigurationKey.named(name) else {
            preconditionFailure("a flag is declared for \(name), which is not a key")
        }
        let showsDefault = !key.defaultText.isEmpty && key.defaultText != "false"
        return ArgumentHelp("\(key.summary)\(showsDefault ? " (default: \(key.defaultText))" : "")")
    }
}
