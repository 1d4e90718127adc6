import RelayCore
import RelayTestSupport
import Testing

@testable import RelayHTTP

struct ConnectionPlacesTests {
    private func address(_ text: String) -> ClientAddress { ClientAddress(ipAddress: text) }

    private func cause(_ places: ConnectionPlaces, _ address: String) -> RefusalCause? {
        do throws(Problem) {
            _ = try places.take(for: self.address(address))
            return nil
        } catch {
            return error.cause
        }
    }

    @Test
    func `places are bounded in all and by network, and free again when they are left`() throws {
        let places = ConnectionPlaces(5, perAddress: 2)
        let first = try places.take(for: self.address("192.0.2.1"))
        let second = try places.take(for: self.address("::ffff:192.0.2.1"))
        #expect(self.cause(places, "192.0.2.1") == .limitAddress)
        let third = try places.take(for: self.address("2001:db8::1"))
        #expect(self.cause(places, "2001:db8::ffff:2") == nil)
        #expect(self.cause(places, "2001:db8::3") == .limitAddress)
        #expect(self.cause(places, "2001:db8:0:1::1") == nil)
        // One that is refused for all has left its address's count again.
        for _ in 0..<3 { #expect(self.cause(places, "192.0.2.2") == .limitConnections) }
        places.leave(first)
        #expect(self.cause(places, "192.0.2.2") == nil)
        #expect(self.cause(places, "192.0.2.2") == .limitConnections)
        for place in [second, third] { places.leave(place) }
        #expect(self.cause(places, "192.0.2.1") == nil)
        #expect(self.cause(places, "192.0.2.2") == nil)
        #expect(self.cause(places, "192.0.2.2") == .limitAddress)
    }

    @Test
    func `trusted proxies are counted among all alone`() throws {
        let proxies = try #require(TrustedProxies(entries: ["10.0.0.0/8"]))
        let places = ConnectionPlaces(4, perAddress: 1, trustedProxies: proxies)
        for _ in 0..<3 { #expect(self.cause(places, "10.1.2.3") == nil) }
        #expect(self.cause(places, "192.0.2.1") == nil)
        #expect(self.cause(places, "10.1.2.3") == .limitConnections)
    }

    @Test
    func `without a limit for one address it may have all`() {
        let places = ConnectionPlaces(3)
        for _ in 0..<3 { #expect(self.cause(places, "192.0.2.1") == nil) }
        #expect(self.cause(places, "192.0.2.1") == .limitConnections)
    }
}
