import RelayHTTP
import Testing

@testable import EventRelay

struct ValueFormatTests {
    @Test(
        arguments: [
            (.integer(0), 0), (.integer(65_535), 65_535), (.text("7700"), 7_700), (.text(" 7700 "), 7_700),
            (.integer(-1), nil), (.integer(65_536), nil), (.text(""), nil), (.text("7 700"), nil), (.text("1e3"), nil),
            (.text("99999999999999999999"), nil), (.boolean(true), nil), (.list(["1"]), nil), (.word("1.0"), nil),
            (.table, nil),
        ] as [(WrittenValue, Int?)]
    )
    func `a port`(written: WrittenValue, port: Int?) {
        #expect(ValueFormat<Int>.port.read(written) == port)
    }

    @Test(arguments: [(WrittenValue.integer(1), 1), (.integer(0), nil), (.text("-5"), nil)] as [(WrittenValue, Int?)])
    func `a count is at least 1`(written: WrittenValue, count: Int?) {
        #expect(ValueFormat<Int>.count.read(written) == count)
        #expect(ValueFormat<Int>.count.expectation == "a whole number of at least 1")
    }

    @Test(arguments: ["true", "TRUE", "True", "t", "T", "1", "yes", "on"])
    func `words for true`(text: String) {
        #expect(ValueFormat<Bool>.boolean.read(.text(text)) == true)
    }

    @Test(arguments: ["false", "FALSE", "f", "F", "0", "no", "Off"])
    func `words for false`(text: String) {
        #expect(ValueFormat<Bool>.boolean.read(.text(text)) == false)
    }

    @Test(arguments: [.text("maybe"), .text(""), .integer(2), .list([]), .word("yes")] as [WrittenValue])
    func `neither true nor false`(written: WrittenValue) {
        #expect(ValueFormat<Bool>.boolean.read(written) == nil)
    }

    @Test(
        arguments: [
            (.integer(1 << 20), 1 << 20), (.text("1MiB"), 1 << 20), (.text("16TB"), 16_000_000_000_000),
            (.integer(1_048_575), nil), (.text("1MB"), nil), (.text("16TiB"), nil), (.text("0"), nil),
            (.text("-1"), nil),
            (.word("1e9"), nil),
        ] as [(WrittenValue, Int64?)]
    )
    func `a size of the log`(written: WrittenValue, bytes: Int64?) {
        #expect(ValueFormat<Int64>.logSize.read(written) == bytes)
    }

    @Test(
        arguments: [
            (.integer(0), .zero), (.text("0"), .zero), (.text("36500d"), .seconds(36_500 * 86_400)),
            (.text("36501d"), nil), (.text("-1s"), nil), (.integer(60), nil), (.text("60"), nil),
        ] as [(WrittenValue, Duration?)]
    )
    func `a duration`(written: WrittenValue, duration: Duration?) {
        #expect(ValueFormat<Duration>.duration.read(written) == duration)
    }

    @Test(
        arguments: [
            (.text("1s"), .seconds(1)), (.text("5m"), .seconds(300)), (.text("1500ms"), .milliseconds(1500)),
            (.text("999ms"), nil), (.text("5m1ms"), nil), (.integer(0), nil), (.text(""), nil),
        ] as [(WrittenValue, Duration?)]
    )
    func `a duration within bounds`(written: WrittenValue, duration: Duration?) {
        let format = ValueFormat.duration(from: .seconds(1), to: .seconds(300), "from 1s to 5m")
        #expect(format.read(written) == duration)
    }

    @Test func `0 means none where it may`() throws {
        let (configuration, _) = try loadConfiguration(
            files: [etcFile: "LogMaxAge = 0\nLogMaxEventsPerChannel = 0\nAssetsPath = ''"])
        #expect(configuration.logMaxAge == nil)
        #expect(configuration.logMaxEventsPerChannel == nil)
        #expect(configuration.assetsPath == nil)
        #expect(try loadConfiguration(["--log-max-events-per-channel", "5"]).configuration.logMaxEventsPerChannel == 5)
    }
}

// MARK: - Addresses

extension ValueFormatTests {
    @Test(
        arguments: [
            ("0.0.0.0", "0.0.0.0"), ("::", "::"), ("[::1]", "::1"), ("fe80::1%eth0", "fe80::1%eth0"),
            ("localhost", "localhost"), ("", "0.0.0.0"), (" localhost ", "localhost"),
            ("localhost:7700", nil), ("http://localhost", nil), ("two hosts", nil), ("a\0", nil), ("[]", nil),
            ("é", nil),
        ] as [(String, String?)]
    )
    func `a host`(text: String, host: String?) {
        #expect(ValueFormat<String>.host.read(.text(text)) == host)
    }

    @Test(
        arguments: [
            ("/", "/"), ("", "/"), ("///", "/"), ("events", "/events"), ("/events/", "/events"), ("//a//b//", "/a/b"),
            ("/a%20b", "/a%20b"),
            ("/a%2", nil), ("/a%ff", nil), ("/a b", nil), ("/a?b", nil), ("/a#b", nil), ("/é", nil), ("/a/../b", nil),
            ("/./a", nil), ("/a\0", nil),
        ] as [(String, String?)]
    )
    func `a base path`(text: String, path: String?) {
        #expect(ValueFormat<BasePath>.urlPath.read(.text(text))?.description == path)
    }

    @Test(
        arguments: [
            ("", ""), ("http://localhost", "http://localhost"),
            ("https://Events.example:8443/a/", "https://events.example:8443/a"),
            ("WS://host", "ws://host"), ("wss://[::1]:1/", "wss://[::1]:1"),
            ("ftp://host", nil), ("host", nil), ("http://", nil), ("http:///path", nil), ("http://ho st", nil),
            ("http://me@host", nil), ("http://host/?a", nil), ("http://host:", nil), ("http://host:0443", nil),
            ("http://host:99999", nil), ("https://[::1", nil), ("https://ho*st", nil), ("://host", nil),
            ("http://host\n", "http://host"),
        ] as [(String, String?)]
    )
    func `a URL base`(text: String, address: String?) {
        #expect(ValueFormat<String>.webAddress.read(.text(text)) == address)
    }

    @Test(
        arguments: [
            (.text("*"), ["*"]), (.list(["https://a.example", "http://b:81"]), ["https://a.example", "http://b:81"]),
            (.text("https://A.example:443/, null"), ["https://a.example", "null"]), (.list([]), []), (.text(""), []),
            (.text("https://*.a.example"), ["https://*.a.example"]),
            (.text("a.example"), nil), (.list(["https://a.example/path"]), nil), (.list([""]), nil), (.otherList, nil),
            (.text("https://*"), nil), (.text("https://a.*"), nil),
        ] as [(WrittenValue, [String]?)]
    )
    func `origins`(written: WrittenValue, origins: [String]?) {
        #expect(ValueFormat<[OriginPattern]>.origins.read(written) == origins?.compactMap { OriginPattern($0) })
    }

    @Test(
        arguments: [
            (.text(""), []), (.list([]), []), (.text("10.0.0.0/8, ::1"), ["10.0.0.0/8", "::1"]),
            (.list(["Loopback", "private"]), ["loopback", "private"]),
            (.text("10.0.0.1/8"), nil), (.list(["loopback", "proxy.example"]), nil), (.list([""]), nil),
            (.text("*"), nil), (.otherList, nil), (.integer(10), nil), (.word("loopback"), nil),
        ] as [(WrittenValue, [String]?)]
    )
    func `trusted proxies`(written: WrittenValue, entries: [String]?) {
        #expect(ValueFormat.trustedProxies.read(written) == entries.flatMap { TrustedProxies(entries: $0) })
    }
}

// MARK: - Channels

extension ValueFormatTests {
    @Test(
        arguments: [
            (.text("*"), ["*"]), (.text("a,b c\n d,,"), ["a", "b", "c", "d"]),
            (.list(["with blank", "with,comma", "é"]), ["with blank", "with,comma", "é"]),
            (.list([]), nil), (.text(" , "), nil), (.list(["a", ""]), nil), (.list(["a\0b"]), nil), (.integer(1), nil),
            (.otherList, nil), (.word("a"), nil),
        ] as [(WrittenValue, [String]?)]
    )
    func `channels`(written: WrittenValue, channels: [String]?) {
        #expect(ValueFormat<[String]>.channelGlobs.read(written) == channels)
    }

    @Test func `a channel has at most 63 bytes, not characters`() {
        let fits = [String(repeating: "a", count: 63), String(repeating: "é", count: 31)]
        for channel in fits {
            #expect(ValueFormat<[String]>.channelGlobs.read(.list([channel])) == [channel])
        }
        for channel in [String(repeating: "a", count: 64), String(repeating: "é", count: 32)] {
            #expect(ValueFormat<[String]>.channelGlobs.read(.list([channel])) == nil)
        }
    }
}
