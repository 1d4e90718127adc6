import ArgumentParser
import Testing

@testable import EventRelay

struct ConfigurationKeyTests {
    @Test func `every property of the configuration has a key of its name`() {
        let properties = Mirror(reflecting: RelayConfiguration()).children.compactMap { $0.label?.lowercased() }
        let keys = ConfigurationKey.all.map { $0.name.lowercased() }
        #expect(properties.sorted() == keys.sorted())
    }

    @Test(arguments: ConfigurationKey.all.map(\.name))
    func `the default of a key as written is the default of the configuration`(name: String) throws {
        let key = try #require(ConfigurationKey.named(name))
        var configuration = RelayConfiguration()
        #expect(key.assign(.text(key.defaultText), &configuration))
        #expect(configuration == RelayConfiguration())
    }

    @Test func `every flag gives the value of its own key`() throws {
        for key in ConfigurationKey.all {
            guard let flag = key.flag else { continue }
            let isSwitch = key.name == "Debug"
            let flags = try ConfigurationFlags.parse(isSwitch ? [flag.name] : [flag.name, "some"])
            let given = ConfigurationKey.all.filter { $0.flag?.value(flags) != nil }.map(\.name)
            #expect(given == [key.name])
            #expect(flag.value(flags) == (isSwitch ? "true" : "some"))
        }
    }

    @Test func `the help names every flag and shows the defaults`() {
        let help = EventRelayCommand.helpMessage(columns: 1_000)
        for key in ConfigurationKey.all {
            guard let flag = key.flag else { continue }
            #expect(help.contains(flag.name))
            #expect(help.contains(key.summary))
        }
        #expect(help.contains("(default: 7700)"))
    }

    @Test func `keys without effect have a reason to be ignored`() {
        #expect(
            ConfigurationKey.all.filter { $0.reasonIgnored(RelayConfiguration()) != nil }.map(\.name) == [
                "HttpsPort", "AdminHost", "DbPoolMaxConns", "DbPoolMaxConnLifeTime",
            ]
        )
    }
}

struct NearestNameTests {
    @Test(arguments: [
        ("httpport", "HttpPort"), ("HtpPort", "HttpPort"), ("HttpPorts", "HttpPort"), ("HttpsPrt", "HttpsPort"),
        ("Chanels", "Channels"),
        ("DbConnexion", "DbConnection"), ("LogMaxEvent", "LogMaxEvents"), ("Debgu", "Debug"),
    ])
    func `a misspelling is near to what was meant`(name: String, meant: String) {
        #expect(nearestName(to: name, among: ConfigurationKey.all.map(\.name)) == meant)
    }

    @Test(arguments: ["", "x", "Password", "Listen", String(repeating: "HttpPort", count: 9)])
    func `another word is near to nothing`(name: String) {
        #expect(nearestName(to: name, among: ConfigurationKey.all.map(\.name)) == nil)
    }
}
