import RelayHTTP
import Testing

struct NewChannelLimitTests {
    private let start = ContinuousClock.now

    private func address(_ text: String) -> ClientAddress { ClientAddress(ipAddress: text) }

    @Test
    func `an address may ask for so many in a minute, and is told how long to wait`() {
        var limit = NewChannelLimit(perMinute: 2)
        let one = self.address("192.0.2.1")
        #expect(limit.requested(from: one, at: self.start) == nil)
        #expect(limit.requested(from: one, at: self.start.advanced(by: .seconds(10))) == nil)
        #expect(limit.requested(from: one, at: self.start.advanced(by: .seconds(20))) == .seconds(40))
        #expect(limit.requested(from: self.address("192.0.2.2"), at: self.start.advanced(by: .seconds(20))) == nil)
        #expect(limit.requested(from: one, at: self.start.advanced(by: .seconds(60))) == nil)
    }

    @Test
    func `a host's IPv6 network is one address, an IPv4 address is the same in both kinds`() {
        #expect(self.address("2001:db8::1") == self.address("2001:db8::ffff:1"))
        #expect(self.address("2001:db8::1") != self.address("2001:db8:0:1::1"))
        #expect(self.address("::ffff:192.0.2.1") == self.address("192.0.2.1"))
        #expect(self.address("192.0.2.1") != self.address("192.0.2.2"))
        #expect(ClientAddress(ipAddress: nil) == self.address("nonsense"))
    }

    @Test
    func `addresses are forgotten when their minute is over, and never more than the bound are remembered`() {
        var limit = NewChannelLimit(perMinute: 1)
        for number in 0..<NewChannelLimit.maximumAddresses {
            _ = limit.requested(from: self.address("10.0.\(number / 256).\(number % 256)"), at: self.start)
        }
        #expect(limit.addressesRemembered == NewChannelLimit.maximumAddresses)
        let later = self.start.advanced(by: .seconds(30))
        #expect(limit.requested(from: self.address("192.0.2.1"), at: later) == nil)
        #expect(limit.requested(from: self.address("192.0.2.1"), at: later) != nil)
        #expect(limit.addressesRemembered == NewChannelLimit.maximumAddresses * 9 / 10 + 1)
        for number in 0..<NewChannelLimit.maximumAddresses / 10 - 1 {
            _ = limit.requested(from: self.address("10.1.\(number / 256).\(number % 256)"), at: later)
        }
        #expect(limit.addressesRemembered == NewChannelLimit.maximumAddresses)
        _ = limit.requested(from: self.address("192.0.2.2"), at: self.start.advanced(by: .seconds(61)))
        #expect(limit.addressesRemembered == NewChannelLimit.maximumAddresses / 10 + 1)
    }

    @Test
    func `of many at once the oldest are forgotten first`() {
        var limit = NewChannelLimit(perMinute: 1)
        for number in 0...NewChannelLimit.maximumAddresses {
            let time = self.start.advanced(by: .milliseconds(number))
            _ = limit.requested(from: self.address("10.0.\(number / 256).\(number % 256)"), at: time)
        }
        let later = self.start.advanced(by: .seconds(20))
        let kept = NewChannelLimit.maximumAddresses / 10
        #expect(limit.requested(from: self.address("10.0.\(kept / 256).\(kept % 256)"), at: later) != nil)
        #expect(limit.requested(from: self.address("10.0.0.0"), at: later) == nil)
    }
}
