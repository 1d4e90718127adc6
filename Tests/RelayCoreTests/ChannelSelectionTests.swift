import RelayCore
import RelayTestSupport
import Testing

struct ChannelSelectionTests {
    @Test
    func `names and patterns count once, in whatever order they came`() {
        let selection = ChannelSelection(["b", "a", "b"], patterns: [ChannelGlob("x*"), ChannelGlob("x*")])
        #expect(selection == ChannelSelection(["a", "b"], patterns: [ChannelGlob("x*")]))
        #expect(selection.isWithinLimits && selection.description == "a, b, x*")
    }

    @Test
    func `it has what it names, and what a pattern finds within its bounds`() {
        let selection = ChannelSelection(
            ["news"],
            patterns: [ChannelGlob("orders.*")],
            within: [[ChannelGlob("*")], [ChannelGlob("*.eu"), ChannelGlob("orders.uk")]]
        )
        #expect(selection.contains("news") && selection.contains("orders.eu") && selection.contains("orders.uk"))
        #expect(!selection.contains("orders.us") && !selection.contains("bills.eu"))
        // Whoever names a channel was let in to it.
        #expect(!selection.finds("news"))
    }

    @Test
    func `it is only one channel where a name stands alone`() {
        #expect(ChannelSelection("a").only == "a" && ChannelSelection(["a", "a"]).only == "a")
        #expect(ChannelSelection(["a", "b"]).only == nil && ChannelSelection([]).only == nil)
        #expect(ChannelSelection(["a"], patterns: [ChannelGlob("a")]).only == nil)
        // The same, however it came about: who wants the same shares the same frames.
        var selection = ChannelSelection(["a", "b"], patterns: [ChannelGlob("c*")], within: [[ChannelGlob("*")]])
        selection.remove(["b"], [ChannelGlob("c*")])
        #expect(selection == ChannelSelection("a"))
    }

    @Test
    func `patterns that only look alike are different ones`() {
        let (composed, decomposed) = (ChannelGlob("caf\u{E9}*"), ChannelGlob("cafe\u{301}*"))
        #expect(composed != decomposed && composed == ChannelGlob("caf\u{E9}*"))
        #expect(ChannelSelection([], patterns: [composed]) != ChannelSelection([], patterns: [decomposed]))
    }
}
