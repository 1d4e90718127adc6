import RelayClient
import Testing

struct RelayAddressTests {
    @Test(arguments: [
        ("http://localhost:7700", false, "localhost", 7700, ""), ("ws://localhost", false, "localhost", 80, ""),
        ("HTTPS://Events.Example.com/", true, "Events.Example.com", 443, ""),
        ("wss://example.com:8443/relay/a//", true, "example.com", 8443, "/relay/a"),
        ("http://[::1]:7700/x", false, "::1", 7700, "/x"), ("http://[::1]", false, "::1", 80, ""),
        ("http://example.com:/", false, "example.com", 80, ""),
    ])
    func `an address has a scheme, a host, perhaps a port and a path`(
        url: String,
        isSecure: Bool,
        host: String,
        port: Int,
        basePath: String
    ) throws {
        let address = try RelayAddress(url)
        #expect(address.isSecure == isSecure)
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(address.basePath == basePath)
    }

    @Test(arguments: [
        "", "localhost:7700", "ftp://example.com", "http://", "http:///x", "http://:80", "http://a:0", "http://a:65536",
        "http://a:x", "http://a:-1", "http://u@a", "http://a/?x=1", "http://a/#x", "http://a b", "http://a\r\nX: y",
        "http://ä", "http://[::1", "http://[::1]80", "http://[", "http://a[b]",
    ])
    func `what is no address of a relay is said to be none`(url: String) {
        let error = #expect(throws: InvalidArgument.self) { try RelayAddress(url) }
        // A password or a token may stand in it.
        if !url.isEmpty { #expect(error?.description.contains(url) == false) }
    }

    @Test
    func `there is room for as many channels as make no longer URL than the relay takes`() throws {
        let address = try RelayAddress("http://a/base")
        let channel = String(repeating: "ä", count: 31)
        let count = address.roomForChannels / RelayAddress.bytes(of: channel)
        let cursor = Cursor(position: .after(Position.idLimit - 1), log: String(repeating: "?", count: 64))
        func length(_ count: Int) -> Int {
            address.listenTarget(Array(repeating: channel, count: count), from: cursor).utf8.count
        }
        #expect(length(count) <= RelayAddress.maximumTargetBytes)
        #expect(length(count + 1) > RelayAddress.maximumTargetBytes)
        let channels = (0..<100).map { "\($0)" + String(repeating: "ä", count: 30) }
        #expect(throws: InvalidArgument.self) { try RelayConnection("http://a/base", channels: channels) }
    }

    @Test
    func `the header Host has the port where it isn't the scheme's own`() throws {
        #expect(try RelayAddress("http://a:80").authority == "a")
        #expect(try RelayAddress("https://a:80").authority == "a:80")
        #expect(try RelayAddress("wss://[::1]").authority == "[::1]")
        #expect(try RelayAddress("ws://[::1]:7700").authority == "[::1]:7700")
    }

    @Test
    func `channels and the log's name are percent-encoded in what is asked for`() throws {
        let address = try RelayAddress("http://a/base")
        #expect(
            address.listenTarget(["people"], from: Cursor(position: .latest))
                == "/base/listen?channel=people&last-seen-id=latest"
        )
        #expect(
            address.listenTarget(["a&b=c/d ä", "orders.*"], from: Cursor(position: .after(7), log: "x y"))
                == "/base/listen?channel=a%26b%3Dc%2Fd%20%C3%A4&channel=orders.%2A&last-seen-id=7&log=x%20y"
        )
        // It claims nothing about any log.
        #expect(!address.listenTarget(["a"], from: Cursor(position: .latest, log: "x")).contains("log"))
    }
}
