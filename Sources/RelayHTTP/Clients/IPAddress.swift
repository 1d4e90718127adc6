import Glibc

/// An IPv4 or IPv6 address. `::ffff:a.b.c.d`, as a socket for both kinds shows an IPv4 address, is that address.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    package let isIPv4: Bool
    /// Its 32 or 128 bits.
    let bits: UInt128

    /// Of an IPv6 address that stands for an IPv4 one, in place of its 96 bits before that.
    static let mappedPrefix: UInt128 = 0xffff
    /// The longest text; a name of an interface behind `%` means nothing elsewhere.
    private static let maximumTextBytes = 45

    /// - Parameter text: dotted decimals without leading zeros, or the forms of RFC 4291.
    package init?(_ text: some StringProtocol) {
        // C would take what stands before a NUL for all of it.
        guard text.utf8.count <= Self.maximumTextBytes, !text.utf8.contains(0) else { return nil }
        let text = String(text)
        var bits32: UInt32 = 0
        if inet_pton(AF_INET, text, &bits32) == 1 {
            self.init(ipv4: UInt32(bigEndian: bits32))
            return
        }
        var bits128: UInt128 = 0
        guard inet_pton(AF_INET6, text, &bits128) == 1 else { return nil }
        self.init(ipv6: UInt128(bigEndian: bits128))
    }

    init(ipv4 bits: UInt32) {
        self.init(isIPv4: true, bits: UInt128(bits))
    }

    init(ipv6 bits: UInt128) {
        let isMapped = bits >> 32 == Self.mappedPrefix
        self.init(isIPv4: isMapped, bits: isMapped ? bits & UInt128(UInt32.max) : bits)
    }

    private init(isIPv4: Bool, bits: UInt128) {
        self.isIPv4 = isIPv4
        self.bits = bits
    }

    var bitCount: Int { self.isIPv4 ? 32 : 128 }

    /// With zeros for all bits behind the first ones.
    func prefix(_ count: Int) -> IPAddress {
        let others = self.bitCount - count
        return IPAddress(isIPv4: self.isIPv4, bits: (self.bits >> others) << others)
    }

    /// The shortest form (RFC 5952).
    package var description: String {
        if self.isIPv4 {
            // Each answered request and each client has it for the log.
            let bits = UInt32(truncatingIfNeeded: self.bits)
            return "\(bits >> 24).\(bits >> 16 & 0xff).\(bits >> 8 & 0xff).\(bits & 0xff)"
        }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        var bits = self.bits.bigEndian
        let result = inet_ntop(AF_INET6, &bits, &text, socklen_t(text.count))
        precondition(result != nil, "the longest address fits")
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
