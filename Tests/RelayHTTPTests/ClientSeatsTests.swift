import NIOHTTP1
import RelayCore
import RelayHTTP
import RelayTestSupport
import Testing

struct ClientSeatsTests {
    private func address(_ text: String) -> ClientAddress { ClientAddress(ipAddress: text) }

    private func limits(_ clients: Int, perAddress: Int? = nil, perSubject: Int? = nil) -> ClientLimits {
        var limits = ClientLimits(clients: clients)
        (limits.clientsPerAddress, limits.clientsPerSubject) = (perAddress, perSubject)
        return limits
    }

    private func cause(_ seats: ClientSeats, _ address: String, _ subject: String? = nil) -> RefusalCause? {
        do throws(Problem) {
            _ = try seats.take(for: self.address(address), subject: subject)
            return nil
        } catch {
            #expect(error.headers["Retry-After"] == ["10"])
            #expect(error.status == (error.cause == .limitClients ? .serviceUnavailable : .tooManyRequests))
            return error.cause
        }
    }

    @Test
    func `seats are bounded in all, by address and by subject, and free again when they are left`() throws {
        let seats = ClientSeats(self.limits(5, perAddress: 3, perSubject: 2))
        let first = try seats.take(for: self.address("192.0.2.1"), subject: "ann")
        let second = try seats.take(for: self.address("192.0.2.1"), subject: "ann")
        #expect(self.cause(seats, "192.0.2.1", "ann") == .limitSubject)
        #expect(self.cause(seats, "198.51.100.1", "ann") == .limitSubject)
        // The refused one has left its address's count again.
        let third = try seats.take(for: self.address("::ffff:192.0.2.1"), subject: nil)
        #expect(self.cause(seats, "192.0.2.1") == .limitAddress)
        _ = try seats.take(for: self.address("2001:db8::1"), subject: "bob")
        _ = try seats.take(for: self.address("2001:db8::2"), subject: nil)
        #expect(self.cause(seats, "2001:db8::3") == .limitClients)
        #expect(seats.count == 5)
        for seat in [first, second, third] { seats.leave(seat) }
        #expect(seats.count == 2)
        for _ in 0..<2 { #expect(self.cause(seats, "192.0.2.1", "ann") == nil) }
        #expect(self.cause(seats, "2001:db8::3") == nil)
    }

    @Test(arguments: SeededGenerator.seeds(fixed: 3, new: 3))
    func `counts are those of who is there, whatever the order of coming and going`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let seats = ClientSeats(self.limits(12, perAddress: 5, perSubject: 4))
        var present: [ClientSeat] = []
        for _ in 0..<3000 {
            if Bool.random(using: &random), let index = present.indices.randomElement(using: &random) {
                seats.leave(present.remove(at: index))
            } else {
                let address = self.address("192.0.2.\(Int.random(in: 1...4, using: &random))")
                let subject = ["ann", "bob", nil].randomElement(using: &random) ?? nil
                let mayEnter =
                    present.count < 12 && present.count { $0.address == address } < 5
                    && (subject == nil || present.count { $0.subject == subject } < 4)
                let seat = try? seats.take(for: address, subject: subject)
                #expect((seat != nil) == mayEnter)
                if let seat { present.append(seat) }
            }
            #expect(seats.count == present.count)
        }
    }

    @Test
    func `many threads at once are counted as they are`() async throws {
        let seats = ClientSeats(self.limits(1000, perAddress: 10))
        let taken = await withTaskGroup(of: [ClientSeat].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<400).compactMap { number in
                        try? seats.take(for: ClientAddress(ipAddress: "10.0.0.\(number % 40)"), subject: nil)
                    }
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(taken.count == 400 && seats.count == 400)
        for seat in taken { seats.leave(seat) }
        #expect(seats.count == 0)
    }
}
