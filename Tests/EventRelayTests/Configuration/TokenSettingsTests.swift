import Testing

@testable import EventRelay

/// Settings of tokens that don't go together.
struct TokenSettingsTests {
    private static let secret = String(repeating: "s", count: 32)

    @Test(
        arguments: [
            ("TokenIssuer", "us"), ("TokenAudience", "relay"), ("TokenLeeway", "1s"), ("TokenCookie", "session"),
            ("TokenInUrl", "true"), ("AnonymousChannels", "news,public.*"),
        ]
    )
    func `a setting of tokens without a key is an error with its place`(key: String, value: String) throws {
        let variable = "ES_\(key.uppercased())"
        let sentence =
            "\(key), given in the environment variable \(variable), has no effect while tokens are off: "
            + "set TokenSecret, TokenKeyFile or TokenJwksFile too."
        #expect(try configurationProblems(environment: [variable: value]) == [sentence])
        for source in [
            ("ES_TOKENSECRET", Self.secret), ("ES_TOKENKEYFILE", "key.pem"), ("ES_TOKENJWKSFILE", "keys.json"),
        ] {
            #expect(try configurationProblems(environment: [variable: value, source.0: source.1]).isEmpty)
        }
        let file = "# \n\(key) = \(value == "true" ? value : "'\(value)'")\n"
        #expect(try configurationProblems(files: [etcFile: file]).first?.contains("\(etcFile), line 2") == true)
    }

    @Test
    func `two settings that give keys contradict each other`() throws {
        #expect(
            try configurationProblems(
                ["--token-jwks-file", "keys.json"],
                environment: ["ES_TOKENKEYFILE": "key.pem", "ES_TOKENSECRET": Self.secret]
            ) == [
                "TokenKeyFile, given in the environment variable ES_TOKENKEYFILE, can't be used together with "
                    + "TokenSecret: put several keys into a TokenJwksFile.",
                "TokenJwksFile, given on the command line (--token-jwks-file), can't be used together with TokenSecret: "
                    + "put several keys into a TokenJwksFile.",
            ]
        )
    }

    @Test(arguments: ["short", "hunter2hunter2hunter2hunter2hun"])
    func `a secret that is too short is refused and not shown`(secret: String) throws {
        let problems = try configurationProblems(environment: ["ES_TOKENSECRET": secret])
        #expect(problems.count == 1 && problems[0].contains("at least 32 bytes") && !problems[0].contains(secret))
    }

    @Test
    func `a secret has no flag: others can see a command line`() {
        #expect(ConfigurationKey.named("TokenSecret")?.flag == nil)
        #expect(ConfigurationKey.named("TokenSecret")?.isSecret == true)
    }

    @Test(
        arguments: [
            ("30s", true), ("0", true), ("10m", true), ("600001ms", false), ("11m", false), ("-1s", false),
            ("30", false),
        ]
    )
    func `a leeway is at most ten minutes`(text: String, isRight: Bool) {
        #expect((ValueFormat<Duration>.leeway.read(.text(text)) != nil) == isRight)
    }

    @Test(
        arguments: [
            ("session", true), ("__Host-token", true), ("a b", false), ("a=b", false), ("a;b", false), ("é", false),
            ("", false), ("a\"", false),
        ]
    )
    func `a cookie has the name of a cookie`(text: String, isRight: Bool) {
        #expect((ValueFormat<String>.cookieName.read(.text(text)) != nil) == isRight)
    }

    @Test(arguments: [("", 0), ("news", 1), ("news, public.*", 2)])
    func `channels without a token are any number of globs`(text: String, count: Int) {
        #expect(ValueFormat<[String]>.channelGlobsOrNone.read(.text(text))?.count == count)
        #expect(ValueFormat<[String]>.channelGlobsOrNone.read(.list([""])) == nil)
    }
}
