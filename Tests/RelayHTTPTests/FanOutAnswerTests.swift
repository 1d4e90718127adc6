import Dispatch
import NIOCore
import NIOPosix
import RelayCore
import RelayHTTP
import RelayTestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct FanOutAnswerTests {
    @Test
    func `an event loop that is stuck keeps the answer back`() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let fanOut = FanOut(group: group, head: .zero, observer: RecordingObserver())
        await fanOut.answer()

        let loops = Array(group.makeIterator())
        for stuck in loops {
            let release = DispatchSemaphore(value: 0)
            stuck.execute { release.wait() }
            let hasAnswered = Watched(false)
            let answering = Task {
                await fanOut.answer()
                hasAnswered.change { $0 = true }
            }
            // All that the others can do to answer is done by then.
            for loop in loops where loop !== stuck {
                for _ in 0..<10 { try await loop.submit {}.get() }
            }
            #expect(!hasAnswered.value)
            release.signal()
            await answering.value
        }
        try await group.shutdownGracefully()
    }
}
