/// The addresses that begin with the same bits, such as `10.0.0.0/8`.
package struct AddressRange: Hashable, Sendable {
    private let first: IPAddress
    private let prefixLength: Int

    /// - Parameter text: an address, or an address, a slash and a number of bits, without any bit set beyond these: who
    ///   writes `10.1.2.3/8` may mean either.
    package init?(_ text: some StringProtocol) {
        let sides = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = IPAddress(sides[0]) else { return nil }
        var prefixLength = first.bitCount
        if sides.count > 1 {
            guard (1...3).contains(sides[1].utf8.count), sides[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int(sides[1])
            else { return nil }
            // An IPv4 address that is written as an IPv6 one: its bits are the last.
            let isMapped = first.isIPv4 && sides[0].utf8.contains(UInt8(ascii: ":"))
            prefixLength = isMapped ? number - 96 : number
        }
        guard (0...first.bitCount).contains(prefixLength), first.prefix(prefixLength) == first else { return nil }
        self.first = first
        self.prefixLength = prefixLength
    }

    package func contains(_ address: IPAddress) -> Bool {
        address.isIPv4 == self.first.isIPv4 && address.prefix(self.prefixLength) == self.first
    }
}
