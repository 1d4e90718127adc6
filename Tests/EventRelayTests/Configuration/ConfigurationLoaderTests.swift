import RelayHTTP
import Testing

@testable import EventRelay

struct ConfigurationLoaderTests {
    @Test func `nothing given is the defaults`() throws {
        let (configuration, origin) = try loadConfiguration()
        #expect(configuration == RelayConfiguration())
        #expect(origin == ConfigurationOrigin(file: nil, ignoredKeys: []))
    }

    @Test func `every key of the original is understood`() throws {
        let text = """
            DbConnection = "postgresql://reader:secret@db.example/app"
            DbPoolMaxConnLifeTime = "2h"
            DbPoolMaxConns = 8
            AssetsPath = "/srv/viewer"
            HttpHost = "127.0.0.1"
            HttpPort = 7800
            HttpsPort = 7801
            TlsServerCertificateFile = "chain.pem"
            TlsServerPrivateKeyFile = "key.pem"
            UrlBase = "http://events.example/"
            BasePath = "relay/"
            Channels = ["people", "order.*"]
            CORSOrigins = ["https://app.example"]
            Debug = true
            """
        let (configuration, origin) = try loadConfiguration(files: ["/config/pg_eventserv.toml": text])

        var expected = RelayConfiguration()
        expected.dbConnection = "postgresql://reader:secret@db.example/app"
        expected.dbPoolMaxConnLifeTime = .seconds(7_200)
        expected.dbPoolMaxConns = 8
        expected.assetsPath = "/srv/viewer"
        expected.httpHost = "127.0.0.1"
        expected.httpPort = 7_800
        expected.httpsPort = 7_801
        expected.tlsServerCertificateFile = "chain.pem"
        expected.tlsServerPrivateKeyFile = "key.pem"
        expected.urlBase = "http://events.example"
        expected.basePath = try BasePath("/relay")
        expected.channels = ["people", "order.*"]
        expected.corsOrigins = [try #require(OriginPattern("https://app.example"))]
        expected.debug = true
        #expect(configuration == expected)

        #expect(origin.file == "/config/pg_eventserv.toml")
        #expect(origin.ignoredKeys.map(\.key) == ["DbPoolMaxConns", "DbPoolMaxConnLifeTime"])
        #expect(origin.ignoredKeys.last?.reason.contains("there is no pool") == true)
    }

    @Test func `a port for HTTPS without a certificate and a host without its port are ignored, and said to be`() throws
    {
        let arguments = ["--https-port", "7801", "--admin-host", "127.0.0.2"]
        let (_, origin) = try loadConfiguration(arguments)
        #expect(origin.ignoredKeys.map(\.key) == ["HttpsPort", "AdminHost"])
        let inUse = ["--tls-server-certificate-file", "a", "--tls-server-private-key-file", "b", "--admin-port", "0"]
        #expect(try loadConfiguration(arguments + inUse).origin.ignoredKeys == [])
    }

    @Test func `keys of a file are the same in any case`() throws {
        let (configuration, _) = try loadConfiguration(files: [etcFile: "httpport = 1\nMAXCLIENTS = 2"])
        #expect(configuration.httpPort == 1)
        #expect(configuration.maxClients == 2)
    }
}

// MARK: - Precedence

extension ConfigurationLoaderTests {
    @Test(
        arguments: [
            ("1", "2", "3", 1), ("1", nil, "3", 1), ("1", "2", nil, 1), (nil, "2", "3", 2), (nil, "", "3", 3),
            (nil, "", nil, 7_700),
        ] as [(String?, String?, String?, Int)]
    )
    func `the command line wins over the environment, and this over the file`(
        flag: String?,
        variable: String?,
        file: String?,
        expected: Int
    ) throws {
        let (configuration, _) = try loadConfiguration(
            flag.map { ["--port", $0] } ?? [],
            environment: variable.map { ["ES_HTTPPORT": $0] } ?? [:],
            files: file.map { [etcFile: "HttpPort = \($0)"] } ?? [:]
        )
        #expect(configuration.httpPort == expected)
    }

    @Test(
        arguments: [
            (["--database-url", "flag"], ["DATABASE_URL": "url"], "flag"),
            ([], ["DATABASE_URL": "url", "ES_DBCONNECTION": "es"], "url"),
            ([], ["DATABASE_URL": "", "ES_DBCONNECTION": "es"], "es"),
            ([], [:], "file"),
        ] as [([String], [String: String], String)]
    )
    func `DATABASE_URL wins over ES_DBCONNECTION`(
        arguments: [String],
        environment: [String: String],
        expected: String
    ) throws {
        let (configuration, _) = try loadConfiguration(
            arguments,
            environment: environment,
            files: [etcFile: "DbConnection = 'file'"]
        )
        #expect(configuration.dbConnection == expected)
    }

    @Test func `the first file that exists is read, and only that`() throws {
        var files = ConfigurationLoader.searchedFiles.enumerated().reduce(into: [:]) { files, place in
            files[place.element] = "HttpPort = \(place.offset + 1)"
        }
        for (index, path) in ConfigurationLoader.searchedFiles.enumerated() {
            let (configuration, origin) = try loadConfiguration(files: files)
            #expect(configuration.httpPort == index + 1)
            #expect(origin.file == path)
            files[path] = nil
        }
        #expect(try loadConfiguration(files: files).origin.file == nil)
    }

    @Test func `our own file name comes before the original's, in every folder`() {
        #expect(
            ConfigurationLoader.searchedFiles == [
                "./config/pg_eventrelay.toml", "/config/pg_eventrelay.toml", "/etc/pg_eventrelay.toml",
                "./config/pg_eventserv.toml", "/config/pg_eventserv.toml", "/etc/pg_eventserv.toml",
            ]
        )
    }

    @Test(arguments: ["--config", "-c"])
    func `a named file is read in place of all others`(flag: String) throws {
        let (configuration, origin) = try loadConfiguration(
            [flag, "mine.toml"],
            files: ["mine.toml": "HttpPort = 1", etcFile: "HttpPort = 2\nMaxClients = 3"]
        )
        #expect(configuration.httpPort == 1)
        #expect(configuration.maxClients == 20_000)
        #expect(origin.file == "mine.toml")
    }

    @Test func `a list in the environment is separated by commas or white space`() throws {
        let (configuration, _) = try loadConfiguration(environment: ["ES_CHANNELS": "people, order.*\tstock"])
        #expect(configuration.channels == ["people", "order.*", "stock"])
    }

    @Test func `a list flag may be given several times`() throws {
        let (configuration, _) = try loadConfiguration(["--channels", "a", "--channels", "b,c"])
        #expect(configuration.channels == ["a", "b", "c"])
    }
}
