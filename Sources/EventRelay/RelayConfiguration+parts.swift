import Logging
import RelayCore
import RelayHTTP
import RelayPostgres

/// What each part of the program takes from the configuration.
extension RelayConfiguration {
    var retention: Retention {
        Retention(
            maximumBytes: self.logMaxBytes,
            maximumEvents: self.logMaxEvents,
            maximumAge: self.logMaxAge,
            maximumEventsPerChannel: self.logMaxEventsPerChannel
        )
    }

    var registry: ChannelRegistry {
        ChannelRegistry(
            allowed: self.channels.map { ChannelGlob($0) },
            maximumChannels: self.maxChannels,
            idleAfter: self.channelIdle
        )
    }

    func httpOptions(assets: [String: [UInt8]], certificate: ServerCertificate?) -> HTTPOptions {
        var options = HTTPOptions(
            host: self.httpHost,
            port: self.httpPort,
            urlBase: self.urlBase,
            basePath: self.basePath,
            corsOrigins: self.corsOrigins,
            limits: self.clientLimits,
            channelPatterns: self.channels,
            assets: assets,
            hasOwnAssets: self.assetsPath != nil,
            version: Version.current
        )
        options.https = certificate.map { HTTPOptions.HTTPS(port: self.httpsPort, certificate: $0) }
        options.admin = self.adminPort.map { (self.adminHost, $0) }
        options.trustedProxies = self.trustedProxies
        options.timeouts.request = self.requestTimeout
        options.timeouts.keepAlive = self.keepAliveTimeout
        return options
    }

    private var clientLimits: ClientLimits {
        var limits = ClientLimits(clients: self.maxClients)
        limits.clientsPerAddress = self.maxClientsPerAddress
        limits.connectionsPerAddress = self.maxConnectionsPerAddress
        limits.clientsPerSubject = self.maxClientsPerSubject
        limits.newChannelsPerMinute = self.newChannelsPerMinute
        limits.upgradesPerSecond = self.upgradesPerSecond
        limits.historyRequestsPerSecond = self.historyRequestsPerSecond
        return limits
    }

    /// The first lines: what runs, from where, logging to which file within which bounds.
    func announce(_ origin: ConfigurationOrigin, log: LogIdentity, _ logger: Logger) {
        logger.info(
            "pg_eventrelay starts",
            metadata: ["version": "\(Version.current)", "configuration": "\(origin.file ?? "none")"]
        )
        logger.info(
            "events come from PostgreSQL",
            metadata: ["connection": "\(PostgresListener.summary(of: self.dbConnection))"]
        )
        logger.info(
            "events are kept in the log",
            metadata: [
                "path": "\(self.logPath)", "log": "\(log.logID)", "head": "\(log.last)",
                "last-stop": "\(log.isNew ? "none" : log.wasClean ? "clean" : "unclean")",
                "LogMaxBytes": "\(self.logMaxBytes)", "LogMaxEvents": "\(self.logMaxEvents)",
                "LogMaxAge": "\(self.logMaxAge.map { "\($0)" } ?? "none")",
            ]
        )
        logger.info("channels are allowed", metadata: ["patterns": "\(self.channels.joined(separator: " "))"])
        for ignored in origin.ignoredKeys {
            logger.warning(
                "setting has no effect",
                metadata: ["key": "\(ignored.key)", "reason": "\(ignored.reason)"]
            )
        }
    }
}
