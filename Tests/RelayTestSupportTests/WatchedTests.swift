import NIOCore
import NIOPosix
import RelayTestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct `Waits of tests` {
    @Test
    func `end when their time is over`() async throws {
        await #expect(throws: TimedOut.self) { try await Watched(1).when(within: .milliseconds(1)) { $0 == 2 } }
        await #expect(throws: TimedOut.self) { try await Inbox<Int>().next(within: .zero) }
        let never = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: Int.self)
        await #expect(throws: TimedOut.self) { try await never.futureResult.get(within: .milliseconds(1)) }
        never.succeed(1)
    }

    @Test
    func `end when their task is cancelled`() async throws {
        let never = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: Int.self)
        let waits: [@Sendable () async throws -> Void] = [
            { _ = try await Watched(1).when { $0 == 2 } },
            { _ = try await Inbox<Int>().next() },
            { _ = try await never.futureResult.get(within: .patience) },
        ]
        for wait in waits {
            let task = Task { try await wait() }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
        never.succeed(1)
    }

    @Test
    func `end when their task is cancelled while it waits`() async throws {
        let isAsked = Watched(false)
        let task = Task {
            try await Watched(1).when { value in
                isAsked.change { $0 = true }
                return value == 2
            }
        }
        try await isAsked.when { $0 }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
