import Foundation
import Glibc
import RelayTestSupport
import Testing

@testable import EventRelay

@Suite(.timeLimit(.minutes(1)))
struct ServiceManagerTests {
    private let folder: TemporaryFolder
    private let failures = Watched<[String]>([])

    init() throws {
        self.folder = try TemporaryFolder()
    }

    private func manager(_ environment: [String: String]) -> ServiceManager {
        ServiceManager(environment: environment) { [failures] reason in failures.change { $0.append(reason) } }
    }

    @Test(arguments: ["", "@"])
    func `each message is one datagram, to a path or an abstract name`(mark: String) async throws {
        let name = mark + self.folder.file("notify")
        let receiver = try NotificationReceiver(name: name)
        receiver.startReading()
        let manager = self.manager(["NOTIFY_SOCKET": name])
        #expect(manager.isThere)
        await manager.ready()
        await manager.status("listening")
        await manager.isAlive()
        await manager.reloading()
        await manager.stopping()
        for message in ["READY=1", "STATUS=listening", "WATCHDOG=1"] {
            #expect(try await receiver.messages.next() == message)
        }
        let reloading = try #require(try await receiver.messages.next())
        let lines = reloading.split(separator: "\n")
        #expect(lines.count == 2 && lines[0] == "RELOADING=1")
        // The same clock as the manager's, which tells by it whether READY=1 is an answer to its own signal.
        let microseconds = try #require(Int64(lines[1].trimmingPrefix("MONOTONIC_USEC=")))
        let now = Int64(ProcessInfo.processInfo.systemUptime)
        #expect((0...60).contains(now - microseconds / 1_000_000))
        #expect(try await receiver.messages.next() == "STOPPING=1\nSTATUS=closing connections")
        #expect(self.failures.value.isEmpty)
    }

    @Test
    func `a manager that has yet to read gets all later`() async throws {
        let name = self.folder.file("notify")
        let receiver = try NotificationReceiver(name: name)
        let socket = try NotificationSocket(name: name)
        var sent = 0
        while socket.send("STATUS=\(sent)") == .sent { sent += 1 }
        #expect(sent > 0 && socket.send("STATUS=no room") == .wouldBlock)
        let manager = self.manager(["NOTIFY_SOCKET": name])
        async let ready: Void = manager.ready()
        receiver.startReading()
        try await receiver.next("READY=1")
        await ready
        #expect(self.failures.value.isEmpty)
    }

    @Test(arguments: [
        ([:], nil), (["WATCHDOG_USEC": "30000000"], Duration.seconds(30)),
        (["WATCHDOG_USEC": "500000", "WATCHDOG_PID": "\(getpid())"], .milliseconds(500)),
        (["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"], nil), (["WATCHDOG_USEC": "0"], nil),
        (["WATCHDOG_USEC": "-1"], nil), (["WATCHDOG_USEC": "soon"], nil), (["WATCHDOG_USEC": ""], nil),
        (["WATCHDOG_USEC": "99999999999999999999"], nil),
        (["WATCHDOG_USEC": "9223372036854775807"], .microseconds(Int64.max)),
    ])
    func `signs of life are due when the manager wants them of this process`(
        environment: [String: String],
        timeout: Duration?
    ) {
        let manager = self.manager(environment.merging(["NOTIFY_SOCKET": self.folder.file("notify")]) { $1 })
        #expect(manager.watchdogTimeout == timeout)
        #expect(self.manager(environment).watchdogTimeout == nil)
    }

    @Test(arguments: [[:], ["NOTIFY_SOCKET": ""]])
    func `without a manager nothing is told`(environment: [String: String]) async {
        let manager = self.manager(environment)
        #expect(!manager.isThere)
        await manager.ready()
        #expect(self.failures.value.isEmpty)
    }

    @Test(arguments: ["notify", "vsock:2:1", "/", "@", "/" + String(repeating: "x", count: 107)])
    func `a name that no socket can have is told of, and nothing else fails`(name: String) async {
        let manager = self.manager(["NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000000"])
        #expect(!manager.isThere && manager.watchdogTimeout == nil)
        await manager.ready()
        #expect(self.failures.value.count == 1)
    }

    @Test
    func `a manager that is gone is told of once`() async {
        let manager = self.manager(["NOTIFY_SOCKET": self.folder.file("nobody")])
        await manager.ready()
        await manager.isAlive()
        #expect(self.failures.value == ["No such file or directory"])
    }
}
