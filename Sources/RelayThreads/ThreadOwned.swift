/// A value that lives on a thread of its own: a blocking library's handle, used by one caller at a time, in order.
package actor ThreadOwned<Value> {
    /// Where the value lives. Work that runs there too reaches it without a change of thread.
    package nonisolated let executor = ThreadExecutor()
    private var value: Value?

    package nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    package init(_ value: sending Value) {
        self.value = value
    }

    /// - Throws: what `body` throws, or `Released` after `release`.
    package func perform<Result: Sendable>(_ body: @Sendable (Value) throws -> Result) throws -> Result {
        guard let value = self.value else { throw Released() }
        return try body(value)
    }

    /// Gives the value up after one last piece of work, also if that throws. Doing it again does nothing.
    package func release(_ body: @Sendable (Value) throws -> Void = { _ in }) throws {
        guard let value = self.value else { return }
        self.value = nil
        try body(value)
    }
}

/// The value was given up; a caller that comes late gets this.
package struct Released: Error, CustomStringConvertible {
    package init() {}

    package var description: String { "it is closed" }
}
