import Dispatch
import RelayCore
import RelayTestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct RelayAnswerTests {
    @Test
    func `a thread that is stuck keeps the answer back`() async throws {
        let test = RelayUnderTest()
        await test.relay.answer()
        let release = test.holdThread()
        let hasAnswered = Watched(false)
        let answering = Task {
            await test.relay.answer()
            hasAnswered.change { $0 = true }
        }
        // What needs no thread of the relay's goes on meanwhile: an answer by another way would be there by then.
        for _ in 0..<100 { await Task.detached {}.value }
        #expect(test.relay.status.source == .starting)
        #expect(!hasAnswered.value)
        release.signal()
        await answering.value
    }
}
