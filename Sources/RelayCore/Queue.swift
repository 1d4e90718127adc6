/// First in, first out; any element can be looked at. Nothing is moved when one is taken, as an array would.
package struct Queue<Element> {
    /// Those before `start` have been taken.
    private var elements: [Element?] = []
    private var start = 0

    package init() {}

    package var count: Int { self.elements.count - self.start }

    /// The element that stands behind `index` others.
    package subscript(index: Int) -> Element {
        guard index >= 0, let element = self.elements[self.start + index] else {
            preconditionFailure("an element that was taken")
        }
        return element
    }

    package mutating func append(_ element: Element) {
        self.elements.append(element)
    }

    @discardableResult
    package mutating func popFirst() -> Element? {
        guard !self.isEmpty else { return nil }
        let element = self.elements[self.start].take()
        self.start += 1
        // As many places are given back as elements are moved for it.
        if self.start * 2 >= self.elements.count {
            self.elements.removeFirst(self.start)
            self.start = 0
        }
        return element
    }
}

extension Queue: RandomAccessCollection {
    package var startIndex: Int { 0 }
    package var endIndex: Int { self.count }
}

extension RandomAccessCollection where Index == Int {
    /// The place of the first element for which `isBehind` is true, or the end; from there on it is so for all.
    package func place(where isBehind: (Element) -> Bool) -> Int {
        var (low, high) = (self.startIndex, self.endIndex)
        while low < high {
            let middle = (low + high) / 2
            if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension Queue: Sendable where Element: Sendable {}
