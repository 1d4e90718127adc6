import RelayClient
import Testing

struct RetryPolicyTests {
    private let policy = RetryPolicy.standard

    private func refusal(_ status: Int, isProblem: Bool = true, after: Duration? = nil) -> Loss {
        .refused(HandshakeRefusal(status: status, isProblem: isProblem, detail: "no", retryAfter: after))
    }

    @Test
    func `waits double to half a minute, a half of each by chance`() {
        let least = (1...8).map { self.policy.decide(on: .silent, failures: $0, jitter: 0) }
        #expect(least == [0.25, 0.5, 1, 2, 4, 8, 15, 15].map { .wait(.seconds($0)) })
        #expect(self.policy.decide(on: .silent, failures: 1, jitter: 0.5) == .wait(.seconds(0.375)))
        #expect(self.policy.decide(on: .silent, failures: 1_000_000, jitter: 0.5) == .wait(.seconds(22.5)))
    }

    @Test(arguments: [400, 401, 403, 404, 405, 414, 426])
    func `what the relay refuses it would refuse again`(status: Int) {
        #expect(
            self.policy.decide(on: self.refusal(status), failures: 1, jitter: 0)
                == .give(up: Refused(status: status, detail: "no"))
        )
    }

    @Test(arguments: [200, 301, 408, 425, 429, 500, 502, 503])
    func `after another answer it is asked again`(status: Int) {
        #expect(self.policy.decide(on: self.refusal(status), failures: 1, jitter: 0) == .wait(.seconds(0.25)))
    }

    @Test(arguments: [400, 403, 404, 502])
    func `what something in between says ends nothing`(status: Int) {
        let loss = self.refusal(status, isProblem: false)
        #expect(self.policy.decide(on: loss, failures: 1, jitter: 0) == .wait(.seconds(0.25)))
    }

    @Test
    func `who is told when to come back comes no sooner, and is not sent away for long`() {
        func wait(_ after: Duration, failures: Int = 1) -> RetryPolicy.Decision {
            self.policy.decide(on: self.refusal(503, after: after), failures: failures, jitter: 0)
        }
        #expect(wait(.seconds(60)) == .wait(.seconds(60)))
        #expect(wait(.seconds(1), failures: 5) == .wait(.seconds(4)))
        #expect(wait(.seconds(4_000_000_000)) == .wait(RetryPolicy.maximumRetryAfter))
    }

    @Test
    func `who asks for another connection does not wait`() {
        #expect(self.policy.decide(on: .asked, failures: 9, jitter: 0.9) == .wait(.zero))
    }
}
