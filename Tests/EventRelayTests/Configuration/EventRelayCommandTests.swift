import ArgumentParser
import Testing

@testable import EventRelay

struct EventRelayCommandTests {
    @Test(arguments: [
        ["--port", "1", "-d"], ["serve", "--port", "1", "-d"], ["--port", "1", "serve", "-d"],
    ])
    func `serving is the default, and options may stand on either side of the subcommand`(arguments: [String]) throws {
        let serve = try #require(try EventRelayCommand.parseAsRoot(arguments) as? Serve)
        #expect(serve.flags.port == "1")
        #expect(serve.flags.debug)
    }

    @Test func `the version is one line`() {
        let error = #expect(throws: (any Error).self) { try EventRelayCommand.parseAsRoot(["--version"]) }
        #expect(error.map { EventRelayCommand.message(for: $0) } == "pg_eventrelay \(Version.current)")
        #expect(error.map { EventRelayCommand.exitCode(for: $0) } == .success)
    }

    @Test(arguments: [["--bogus"], ["serve", "extra"], ["--port"], ["--debug=1"]])
    func `a wrong use of the command line exits with 64`(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try EventRelayCommand.parseAsRoot(arguments) }
        #expect(error.map { EventRelayCommand.exitCode(for: $0).rawValue } == 64)
    }
}
