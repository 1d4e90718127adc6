package import NIOCore

extension EventLoopFuture where Value: Sendable {
    /// The result, for which a test waits no longer than it says.
    /// - Throws: `TimedOut`, or `CancellationError`, so that a test's time limit ends a wait that is in vain.
    package func get(within timeout: Duration) async throws -> Value {
        let promise = self.eventLoop.makePromise(of: Value.self)
        self.cascade(to: promise)
        let alarm = self.eventLoop.scheduleTask(in: TimeAmount(timeout)) { promise.fail(TimedOut(timeout)) }
        defer { alarm.cancel() }
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            promise.fail(CancellationError())
        }
    }
}
