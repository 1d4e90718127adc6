import RelayHTTP
import Testing

struct KeyedCountTests {
    @Test
    func `keys are remembered while somebody of them is there`() {
        var count = KeyedCount<Int>(limit: 2)
        for key in 0..<10 { #expect(count.enter(key) && count.enter(key) && !count.enter(key)) }
        #expect(count.keysRemembered == 10)
        for key in 0..<10 { count.leave(key) }
        #expect(count.keysRemembered == 10)
        for key in 0..<10 { count.leave(key) }
        #expect(count.keysRemembered == 0)
    }
}
