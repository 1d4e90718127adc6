import RelayTestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct `Child processes of tests` {
    /// Many threads of a test process block signals: a child that began so would not end by SIGTERM.
    @Test
    func `begin with no signal blocked or ignored`() async throws {
        let status = try ChildProcess("/bin/grep", ["-E", "^Sig(Blk|Ign)", "/proc/self/status"], readsOutput: true)
        // 32 and 33 are the C library's own; no program can wait for them.
        let ownOfLibrary: UInt64 = 0b11 << 31
        while let line = try await status.lines.next() {
            let signals = line.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) }
            #expect(signals.map { $0 & ~ownOfLibrary } == 0, "\(line)")
        }
        #expect(try await status.exitStatus() == 0)
    }

    /// A pipe or a connection has no end as long as a child has it.
    @Test
    func `get no descriptors of the tests but their input and output`() async throws {
        let server = try await SilentServer()
        let client = try await RawTestClient.connect(port: server.port)
        let list = try ChildProcess("/bin/ls", ["/proc/self/fd"], readsOutput: true)
        var descriptors: [String] = []
        while let line = try await list.lines.next() { descriptors.append(line) }
        // 3 is the folder that is being listed.
        #expect(descriptors == ["0", "1", "2", "3"])
        await client.close()
    }

    @Test
    func `that cannot be started are an error`() async throws {
        let missing = try ChildProcess("/nowhere", [])
        #expect(try await missing.exitStatus() == 127)
    }
}
