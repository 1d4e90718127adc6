import RelayHTTP
import RelayTestSupport
import Testing

struct AddressRangeTests {
    @Test(arguments: [
        ("10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"], ["9.255.255.255", "11.0.0.0", "::a00:0"]),
        ("192.0.2.7", ["192.0.2.7"], ["192.0.2.6", "192.0.2.8"]), ("192.0.2.6/31", ["192.0.2.7"], ["192.0.2.8"]),
        ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::", "2001:db8::1"]),
        ("::/0", ["::", "2001:db8::1"], ["0.0.0.0", "192.0.2.1"]),
        ("2001:db8::/32", ["2001:db8::", "2001:db8:ffff::1"], ["2001:db9::", "2001:db7:ffff::"]),
        ("2001:db8::7/128", ["2001:db8::7"], ["2001:db8::6"]), ("fe80::/10", ["febf::1"], ["fec0::1"]),
        ("::ffff:10.0.0.0/104", ["10.1.2.3"], ["11.1.2.3"]), ("::ffff:10.0.0.1", ["10.0.0.1"], ["10.0.0.2"]),
        ("::ffff:0:0/96", ["255.0.0.1"], ["::1"]),
    ])
    func `a range has the addresses that begin with its bits`(text: String, inside: [String], outside: [String]) throws
    {
        let range = try #require(AddressRange(text))
        for address in inside { #expect(range.contains(try #require(IPAddress(address))), "\(address)") }
        for address in outside { #expect(!range.contains(try #require(IPAddress(address))), "\(address)") }
    }

    @Test(arguments: [
        "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.0/ 8",
        "10.1.2.3/8", "2001:db8::1/32", "::/129", "::/1000", "10.0.0.0/255.0.0.0", "::ffff:10.0.0.0/95", "10/8", "x/8",
        "10.0.0.0/٨",
    ])
    func `what is no range, or has bits beyond its own, is none`(text: String) {
        #expect(AddressRange(text) == nil)
    }

    @Test(arguments: SeededGenerator.seeds(fixed: 2, new: 2))
    func `a range and its bits agree, for any address and length`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<2000 {
            let bytes = (0..<(Bool.random(using: &random) ? 4 : 16)).map { _ in
                UInt8.random(in: 1...255, using: &random)
            }
            let length = Int.random(in: 0...bytes.count * 8, using: &random)
            func text(_ bytes: [UInt8]) -> String {
                bytes.count == 4
                    ? bytes.map { "\($0)" }.joined(separator: ".")
                    : stride(from: 0, to: 16, by: 2).map { String(Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]), radix: 16) }
                        .joined(separator: ":")
            }
            func flipped(_ bit: Int) -> IPAddress? {
                var changed = bytes
                changed[bit / 8] ^= 0x80 >> UInt8(bit % 8)
                return IPAddress(text(changed))
            }
            var first = bytes
            for bit in length..<max(length, bytes.count * 8) { first[bit / 8] &= ~(0x80 >> UInt8(bit % 8)) }
            let range = try #require(AddressRange("\(text(first))/\(length)"), "\(text(first))/\(length)")
            #expect(range.contains(try #require(IPAddress(text(bytes)))))
            for bit in 0..<bytes.count * 8 {
                #expect(
                    range.contains(try #require(flipped(bit))) == (bit >= length),
                    "\(text(bytes))/\(length) \(bit)"
                )
            }
        }
    }
}
