import ArgumentParser
import Testing

@testable import EventRelay

struct ConfigurationErrorTests {
    @Test func `a wrong value on the command line is named with its flag`() throws {
        #expect(
            try configurationProblems(["--port", "abc"]) == [
                "HttpPort must be a whole number from 0 to 65535, or off, but is 'abc' on the command line (--port)."
            ]
        )
    }

    @Test func `a wrong value in the environment is named with its variable`() throws {
        #expect(
            try configurationProblems(environment: ["ES_LOGMAXBYTES": "5KB"]) == [
                "LogMaxBytes must be a size from 1MiB to 16TB such as 64MiB, 1GiB or a number of bytes, "
                    + "but is '5KB' in the environment variable ES_LOGMAXBYTES."
            ]
        )
    }

    @Test func `limits and proxies that make no sense are named with what would`() throws {
        #expect(
            try configurationProblems(
                ["--trusted-proxies", "10.1.2.3/8", "--request-timeout", "1h"],
                environment: ["ES_CORSORIGINS": "*.example.com", "ES_UPGRADESPERSECOND": "-1"]
            ) == [
                "CORSOrigins must be a list of origins such as https://example.com or https://*.example.com, or *, "
                    + "but is '*.example.com' in the environment variable ES_CORSORIGINS.",
                "UpgradesPerSecond must be a whole number from 0 to 1000000, or 0 for none, but is '-1' in the "
                    + "environment variable ES_UPGRADESPERSECOND.",
                "TrustedProxies must be a list of addresses and networks such as 192.0.2.7, 10.0.0.0/8 or "
                    + "2001:db8::/32, loopback or private, but is '10.1.2.3/8' on the command line (--trusted-proxies).",
                "RequestTimeout must be a duration from 1s to 5m such as 30s or 1m30s, but is '1h' on the command line "
                    + "(--request-timeout).",
            ]
        )
    }

    @Test func `more channels to record than there may be contradict each other`() throws {
        let names = ["--channels", "a", "--channels", "b,c*", "--channels", "a"]
        #expect(try loadConfiguration(names + ["--max-channels", "2"]).configuration.maxChannels == 2)
        #expect(
            try configurationProblems(names + ["--max-channels", "1"]) == [
                "Channels, given on the command line (--channels), names 2 channels to record: raise MaxChannels, which is 1."
            ]
        )
    }

    @Test func `a number that nothing can have so many of is refused`() throws {
        #expect(try configurationProblems(["--max-clients", "9223372036854775807"]).count == 1)
    }

    @Test func `a wrong value in a file is named with its line`() throws {
        let text = "# Where to listen\r\n\r\nHttpHost = [\r\n  'a',\r\n]\r\nhttpPort = 77.5\r\nUrlBase = example"
        #expect(
            try configurationProblems(files: [etcFile: text]) == [
                "HttpHost must be an address or host name to listen on, without a port, such as 0.0.0.0, :: or "
                    + "localhost, but is ['a'] in /etc/pg_eventrelay.toml, line 3.",
                "HttpPort must be a whole number from 0 to 65535, or off, but is 77.5 in /etc/pg_eventrelay.toml, line 6.",
                "UrlBase must be an http, https, ws or wss URL such as https://events.example.com, or empty, "
                    + "but is example in /etc/pg_eventrelay.toml, line 7. TOML needs text in quotes.",
            ]
        )
    }

    @Test func `an unknown key is named with the nearest one`() throws {
        #expect(
            try configurationProblems(files: [etcFile: "HtpPort = 1\n[Server]\nHttpPort = 1"]) == [
                "Unknown setting 'HtpPort' in /etc/pg_eventrelay.toml, line 1. "
                    + "Did you mean HttpPort?",
                "Unknown setting 'Server.HttpPort' in /etc/pg_eventrelay.toml, line 3.",
            ]
        )
    }

    @Test(arguments: ["ES_JAVA_HOME", "ES_HOME", "ES_PORT", "ES_SERVICE_HOST", "ES_PORT_9200_TCP"])
    func `a variable with our prefix that is like none of ours is somebody else's`(variable: String) throws {
        #expect(try loadConfiguration(environment: [variable: "1"]).configuration == RelayConfiguration())
    }

    @Test(arguments: [
        (variable: "ES_HTTP_PORT", sentenceEnd: " Did you mean ES_HTTPPORT?"),
        (variable: "ES_HttpPort", sentenceEnd: " Did you mean ES_HTTPPORT?"),
    ])
    func `an unknown variable is named with the nearest one`(variable: String, sentenceEnd: String) throws {
        #expect(
            try configurationProblems(environment: [variable: "1"]) == [
                "The environment variable \(variable) matches no setting.\(sentenceEnd)"
            ]
        )
    }

    @Test func `variables that are empty or not ours are nobody's business`() throws {
        #expect(
            try configurationProblems(environment: ["ES_HTTP_PORT": "", "HTTPPORT": "x", "es_httpport": "x"]) == []
        )
    }

    @Test func `a key given twice is named with both lines`() throws {
        #expect(
            try configurationProblems(files: [etcFile: "HttpPort = 1\nMaxClients = 2\nhttpport = 1"]) == [
                "HttpPort is given twice in /etc/pg_eventrelay.toml, in lines 1 and 3."
            ]
        )
    }

    @Test func `text that is not TOML is named with its line`() throws {
        #expect(
            try configurationProblems(files: [etcFile: "Debug = true\nHttpPort: 1"]) == [
                "/etc/pg_eventrelay.toml is not valid TOML: the '=' after a key is missing in line 2."
            ]
        )
    }

    @Test func `a named file that is missing is an error`() throws {
        #expect(
            try configurationProblems(["--config", "mine.toml"], files: [etcFile: ""]) == [
                "The configuration file 'mine.toml' does not exist."
            ]
        )
    }

    @Test func `a file that can't be read is an error, not a missing file`() throws {
        let loader = ConfigurationLoader(environment: [:]) { _ in throw TextFileError(description: "Permission denied")
        }
        let error = #expect(throws: ConfigurationError.self) { _ = try loader.load(ConfigurationFlags.parse([])) }
        #expect(
            error?.description
                == "The configuration file './config/pg_eventrelay.toml' can't be read: Permission denied."
        )
    }

    @Test func `all problems are reported at once, also of values that another source overrides`() throws {
        let sentences = try configurationProblems(
            ["--max-clients", "0"],
            environment: ["ES_HTTPORT": "1", "ES_HTTPPORT": "-1"],
            files: [etcFile: "HttpPort = 65536\nChanels = []"]
        )
        #expect(sentences.count == 5)
    }

    @Test(
        arguments: [
            (["DATABASE_URL": "secret\0"], ""),
            (["ES_DBCONNECTION": "\0secret"], ""),
            ([:], "DbConnection = postgres://me:secret@host/db"),
            ([:], "DbConnection = ['secret']"),
            ([:], "DbConection = 'secret'"),
            ([:], "DbConnection = \"secret"),
            ([:], "DbConnection = \"\\secret\""),
            ([:], "DbConnection = 'secret' 'secret'"),
            ([:], "DbConnection: secret"),
            ([:], "DbConnection = 'secret'\nDbConnection = 'secret'"),
        ] as [([String: String], String)]
    )
    func `no message holds the connection string`(environment: [String: String], text: String) throws {
        let sentences = try configurationProblems(environment: environment, files: [etcFile: text])
        #expect(sentences.count == 1)
        #expect(!sentences.joined().contains("secret"))
    }

    @Test func `a connection string without quotes is told how to be written`() throws {
        #expect(
            try configurationProblems(files: [etcFile: "DbConnection = postgres://me:secret@host/db"]) == [
                "DbConnection must be a libpq connection string or URL, but is something else (not shown, it may "
                    + "hold a password) in /etc/pg_eventrelay.toml, line 1. TOML needs text in quotes."
            ]
        )
    }

    @Test func `a long or garbled value is shown in part and in one line`() throws {
        let sentence = try #require(
            try configurationProblems(["--port", "\u{1B}[2J\n" + String(repeating: "9", count: 99)]).first
        )
        #expect(sentence.contains("'\u{FFFD}[2J\u{FFFD}999"))
        #expect(sentence.contains("99…' on"))
        #expect(sentence.utf8.count < 200)
    }
}

struct FailureReportTests {
    @Test func `a wrong configuration exits with 78 and a line for each problem`() {
        let error = ConfigurationError(problems: [.missingFile("a"), .missingFile("b")])
        let report = FailureReport(error)
        #expect(report.exitCode == 78)
        #expect(
            report.text == """
                pg_eventrelay: The configuration file 'a' does not exist.
                pg_eventrelay: The configuration file 'b' does not exist.

                """
        )
    }

    @Test func `an error that names no exit code exits with 1`() {
        let report = FailureReport(TextFileError(description: "something broke"))
        #expect(report.exitCode == 1)
        #expect(report.text == "pg_eventrelay: something broke\n")
    }
}
