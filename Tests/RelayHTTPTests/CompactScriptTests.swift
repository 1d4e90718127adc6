import Testing

@testable import RelayHTTP

struct CompactScriptTests {
    @Test
    func `comments, empty lines and indentation are left out, and nothing else`() {
        let script = """
            /**
             * What it is.
             */
            function area(a) {
              // Squared.
              const url = 'http://example.com/*'

              /* A block. */
              return a * a  // behind code
            }

            """
        let expected = """
            function area(a) {
            const url = 'http://example.com/*'
            return a * a  // behind code
            }
            """
        #expect(CompactScript.compacted(Array(script.utf8)) == Array(expected.utf8))
        #expect(CompactScript.compacted([]) == [])
    }
}
