/// What a background reader hands to a test, in order: the test waits for the next element, and no longer than it said.
package final class Inbox<Element: Sendable>: Sendable {
    private struct Content {
        var elements: [Element] = []
        var isFinished = false
    }

    private let content = Watched(Content())

    package init() {}

    package func put(_ element: Element) {
        self.content.change { $0.elements.append(element) }
    }

    package func finish() {
        self.content.change { $0.isFinished = true }
    }

    /// The next element; nil when there will be none.
    /// - Throws: `TimedOut` if none came in time, `CancellationError`.
    package func next(within timeout: Duration = .patience) async throws -> Element? {
        let deadline = ContinuousClock.now + timeout
        while true {
            let (element, isFinished) = self.content.change { content in
                (content.elements.isEmpty ? nil : content.elements.removeFirst(), content.isFinished)
            }
            if let element { return element }
            if isFinished { return nil }
            do {
                try await self.content.when(within: deadline - .now) { !$0.elements.isEmpty || $0.isFinished }
            } catch is TimedOut {
                throw TimedOut(timeout)
            }
        }
    }

    /// What is there now, without waiting.
    package func takeAll() -> [Element] {
        self.content.change { content in
            defer { content.elements = [] }
            return content.elements
        }
    }
}
