extension UnsafeMutableRawBufferPointer {
    /// Writes the lowest decimal digits of a value in ASCII, as many as the place has, two at once.
    package func writeDigits(of value: UInt64, at place: Range<Int>) {
        precondition(0 <= place.lowerBound && place.upperBound <= self.count, "digits outside of their memory")
        var rest = value
        var end = place.upperBound
        while end - place.lowerBound >= 2 {
            let (quotient, pair) = rest.quotientAndRemainder(dividingBy: 100)
            let digits = UnsafeRawPointer(digitPairs.utf8Start).loadUnaligned(
                fromByteOffset: 2 * Int(pair),
                as: UInt16.self
            )
            end -= 2
            self.storeBytes(of: digits, toByteOffset: end, as: UInt16.self)
            rest = quotient
        }
        if end > place.lowerBound { self[place.lowerBound] = UInt8(ascii: "0") + UInt8(rest % 10) }
    }
}

private let digitPairs: StaticString = """
    0001020304050607080910111213141516171819\
    2021222324252627282930313233343536373839\
    4041424344454647484950515253545556575859\
    6061626364656667686970717273747576777879\
    8081828384858687888990919293949596979899
    """
